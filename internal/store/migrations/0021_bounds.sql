-- What strangers begin is bounded by count: the oldest of a project give way. And the
-- passwords of a project can be picked from at random.

-- +goose Up
ALTER TABLE challenges ADD COLUMN managed BIGINT NOT NULL DEFAULT 0; -- 1: begun by the customer's own system, so it never gives way
CREATE INDEX challenges_age ON challenges (project, managed, created_at);
CREATE INDEX passkey_ceremonies_age ON passkey_ceremonies (project, expires_at);
CREATE INDEX totp_signups_age ON totp_signups (project, expires_at);
CREATE INDEX limits_age ON limits (project, expires_at);

-- The last eight characters of an id are random; the first ones are a time.
CREATE INDEX passwords_draw ON passwords (project, substr(user_id, 21));
