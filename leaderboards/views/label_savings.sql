-- label_savings: the rows of curve_pairs, see there, whose two curves were measured by the same protocol.
CREATE OR REPLACE VIEW label_savings AS
SELECT * EXCLUDE (rival_protocol) FROM curve_pairs WHERE protocol = rival_protocol;
