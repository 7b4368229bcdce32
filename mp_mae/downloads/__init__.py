"""Published files, fetched so that nothing half is ever taken for whole: resumed, checked, unpacked without trust."""
