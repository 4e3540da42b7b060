-- What was sent to somebody to prove that a message reaches them, until they answer.
-- Times are Unix seconds.

-- +goose Up
CREATE TABLE challenges (
	project    TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	method     TEXT   NOT NULL, -- otp, magiclink, enchantedlink …
	id         TEXT   NOT NULL, -- SHA-256 of what the answer names: a login id, or a token
	user_id    TEXT,            -- whose it is; NULL for who is no user yet
	poll       TEXT,            -- SHA-256 of what whoever began waits with, or NULL
	digest     BYTEA  NOT NULL, -- of the right answer; a code under a key
	tries      BIGINT NOT NULL, -- how many wrong answers are left
	verified   BIGINT NOT NULL DEFAULT 0, -- 1: answered, and the session not yet taken
	revision   BIGINT NOT NULL, -- of the configuration that it began under
	data       TEXT   NOT NULL, -- JSON: what is to be done then; no secret
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (project, method, id),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX challenges_poll ON challenges (project, method, poll);
CREATE INDEX challenges_user ON challenges (project, user_id);
CREATE INDEX challenges_expires ON challenges (expires_at);
