-- A keyed fingerprint of each sealed value, so that a plan can say whether an
-- upload brings the same value without opening it. Values from before have none
-- until they are sealed again.

-- +goose Up
ALTER TABLE secrets ADD COLUMN fingerprint BYTEA;
