-- Keys that sign tokens, sessions, and who signed in when. Times are Unix seconds;
-- 0 means never.

-- +goose Up
CREATE TABLE signing_keys (
	project    TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	kid        TEXT   NOT NULL,
	public     TEXT   NOT NULL, -- a JWK; the private key is in kept_secrets
	created_at BIGINT NOT NULL,
	signs_at   BIGINT NOT NULL, -- from when it signs; until then it is only published
	not_after  BIGINT NOT NULL DEFAULT 0, -- until when it verifies, once another follows
	PRIMARY KEY (project, kid)
);

CREATE TABLE sessions (
	project      TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	id           TEXT   NOT NULL,
	user_id      TEXT,            -- none for an anonymous visitor
	created_at   BIGINT NOT NULL,
	refreshed_at BIGINT NOT NULL, -- exact where a setting asks, else to ten minutes
	expires_at   BIGINT NOT NULL,
	ended_at     BIGINT NOT NULL DEFAULT 0,
	generation   BIGINT NOT NULL DEFAULT 0, -- of the refresh token that counts
	lifetime     BIGINT NOT NULL DEFAULT 0, -- in seconds, where a management call set one
	amr          TEXT   NOT NULL, -- words with a space between
	tenant       TEXT   NOT NULL DEFAULT '', -- the current one
	claims       TEXT   NOT NULL DEFAULT '{}', -- JSON: what was asked for beside the template
	address      TEXT   NOT NULL DEFAULT '',
	agent        TEXT   NOT NULL DEFAULT '',
	PRIMARY KEY (project, id),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX sessions_user ON sessions (project, user_id);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- A login is a proof that made or raised a session.
CREATE TABLE logins (
	project  TEXT   NOT NULL,
	id       TEXT   NOT NULL,
	user_id  TEXT   NOT NULL,
	login_at BIGINT NOT NULL,
	method   TEXT   NOT NULL,
	tenant   TEXT   NOT NULL DEFAULT '',
	address  TEXT   NOT NULL DEFAULT '',
	agent    TEXT   NOT NULL DEFAULT '',
	PRIMARY KEY (project, id),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX logins_user ON logins (project, user_id, login_at);
CREATE INDEX logins_at ON logins (login_at);
