-- Passwords, and the links that let somebody set a new one. Times are Unix seconds.

-- +goose Up
CREATE TABLE passwords (
	project      TEXT   NOT NULL,
	user_id      TEXT   NOT NULL,
	hash         TEXT   NOT NULL,
	history      TEXT   NOT NULL, -- JSON: former hashes, the newest first
	set_at       BIGINT NOT NULL,
	expired      BIGINT NOT NULL, -- 1: must be replaced, whatever its age
	attempts     BIGINT NOT NULL, -- wrong ones since the last right one
	locked_until BIGINT NOT NULL, -- 0: not locked for a time
	PRIMARY KEY (project, user_id),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX passwords_age ON passwords (project, set_at);

CREATE TABLE password_resets (
	project    TEXT   NOT NULL,
	token      BYTEA  NOT NULL, -- SHA-256
	user_id    TEXT   NOT NULL,
	email      TEXT   NOT NULL, -- where the link was sent to
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (project, token),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX password_resets_user ON password_resets (project, user_id);
