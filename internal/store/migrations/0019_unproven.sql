-- Whether a user signed up with a login id that nobody has shown to be theirs, and
-- which session asked for the seed of an authenticator app that waits for its first
-- code. Users of before count as shown.

-- +goose Up
ALTER TABLE users ADD COLUMN unproven BIGINT NOT NULL DEFAULT 0;
ALTER TABLE totp ADD COLUMN next_session TEXT NOT NULL DEFAULT '';
