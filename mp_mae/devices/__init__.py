"""What differs between devices: how exactly they compute, and how numbers come to them."""
