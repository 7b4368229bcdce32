-- label_savings: one row per ordered pair of curves on one dataset by one protocol (backbone over rival): which share of
-- the rival's labels the backbone does without. The rows of curve_pairs whose two curves have the same protocol.
--
-- Units     labels_needed, rival_labels: labels, for fitting and for choosing. label_saving: a share of rival_labels;
--           0.75 is a quarter of the labels, negative is more. rival_value: a score. curve_pairs says how they are made, and
--           where their intervals are: a saving only where that leaves out 0.
-- Excluded  as in curve_pairs, and pairs of two protocols.
-- NULL      labels_needed: the backbone never reaches that score. weights, rival_weights: see scores.
CREATE OR REPLACE VIEW label_savings AS
SELECT * EXCLUDE (rival_protocol) FROM curve_pairs WHERE protocol = rival_protocol;
