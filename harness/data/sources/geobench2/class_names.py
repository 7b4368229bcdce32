"""What classes of GEO-Bench-2 are called, in label order."""

BENV2 = (
    "Urban fabric", "Industrial or commercial units", "Arable land", "Permanent crops", "Pastures",
    "Complex cultivation patterns",
    "Land principally occupied by agriculture, with significant areas of natural vegetation", "Agro-forestry areas",
    "Broad-leaved forest", "Coniferous forest", "Mixed forest", "Natural grassland and sparsely vegetated areas",
    "Moors, heathland and sclerophyllous vegetation", "Transitional woodland, shrub", "Beaches, dunes, sands",
    "Inland wetlands", "Coastal wetlands", "Inland waters", "Marine waters",
)  # fmt: skip
TREESATAI = (
    "Abies", "Acer", "Alnus", "Betula", "Cleared", "Fagus", "Fraxinus", "Larix", "Picea", "Pinus", "Populus", "Prunus",
    "Pseudotsuga", "Quercus", "Tilia",
)  # fmt: skip
SO2SAT = (
    "Compact high-rise", "Compact middle-rise", "Compact low-rise", "Open high-rise", "Open middle-rise",
    "Open low-rise", "Lightweight low-rise", "Large low-rise", "Sparsely built", "Heavy industry", "Dense Trees",
    "Scattered trees", "Bush, scrub", "Low plants", "Bare rock or paved", "Bare soil or sand", "Water",
)  # fmt: skip
FORESTNET = (
    "Oil palm plantation", "Timber plantation", "Other large-scale plantations", "Grassland/shrubland",
    "Small-scale agriculture", "Small-scale mixed plantation", "Small-scale oil palm plantation", "Mining", "Fish pond",
    "Logging road", "Secondary forest", "Other",
)  # fmt: skip
BURN_SCARS = ("not burned", "burn scar")
CAFFE = ("not known", "rock", "glacier", "ocean or ice melange")
CLOUDSEN12 = ("clear", "thick cloud", "thin cloud", "cloud shadow")
DYNAMIC_EARTHNET = (
    "Impervious surfaces", "Agriculture", "Forest & other vegetation", "Wetlands", "Soil", "Water", "Snow & ice",
)  # fmt: skip
FLAIR2 = (
    "building", "pervious surface", "impervious surface", "bare soil", "water", "coniferous", "deciduous", "brushwood",
    "vineyard", "herbaceous vegetation", "agricultural land", "ploughed land", "other",
)  # fmt: skip
FOTW = ("background", "field", "field boundary")
KURO_SIWO = ("no data", "no water", "permanent water", "flood")
PASTIS = (
    "background", "meadow", "soft winter wheat", "corn", "winter barley", "winter rapeseed", "spring barley",
    "sunflower", "grapevine", "beet", "winter triticale", "winter durum wheat", "fruits, vegetables, flowers",
    "potatoes", "leguminous fodder", "soybeans", "orchard", "mixed cereal", "sorghum", "void",
)  # fmt: skip
BUILDINGS = ("background", "no building", "building")
"""No pixel of the files is the first one; its leaderboard has it."""
