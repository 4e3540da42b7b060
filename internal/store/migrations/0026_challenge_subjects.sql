-- Of what one login id waits for, the oldest give way to the newest.

-- +goose Up
ALTER TABLE challenges ADD COLUMN subject TEXT NOT NULL DEFAULT ''; -- SHA-256 of the user or the login id; empty before this
CREATE INDEX challenges_subject ON challenges (project, method, subject, created_at) WHERE managed = 0;
