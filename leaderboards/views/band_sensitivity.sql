-- band_sensitivity: one row per run that lost one band at test: how much worse a backbone is without it.
--
-- Units     see band_shifts, whose rows these are. loss is positive where the band is missed.
-- n_bands   bands that fed the backbone in training.
-- Excluded  runs whose test lost several bands, or had new ones.
-- NULL      see band_shifts.
CREATE OR REPLACE VIEW band_sensitivity AS
SELECT * EXCLUDE (train_bands, test_bands), len(train_bands) AS n_bands FROM band_shifts WHERE dropped IS NOT NULL;
