-- People, whom they belong to, and what a project keeps sealed that no revision
-- has. Times are Unix seconds; 0 means never.

-- +goose Up
CREATE TABLE users (
	project         TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	id              TEXT   NOT NULL,
	status          TEXT   NOT NULL, -- enabled, disabled or invited
	name            TEXT   NOT NULL DEFAULT '',
	given_name      TEXT   NOT NULL DEFAULT '',
	middle_name     TEXT   NOT NULL DEFAULT '',
	family_name     TEXT   NOT NULL DEFAULT '',
	email           TEXT   NOT NULL DEFAULT '',
	email_verified  BIGINT NOT NULL DEFAULT 0,
	phone           TEXT   NOT NULL DEFAULT '', -- E.164
	phone_verified  BIGINT NOT NULL DEFAULT 0,
	recovery        TEXT   NOT NULL DEFAULT '{}', -- JSON: the second email and phone
	picture         TEXT   NOT NULL DEFAULT '',
	test            BIGINT NOT NULL DEFAULT 0,
	custom          TEXT   NOT NULL DEFAULT '{}', -- JSON: custom attributes by name
	apps            TEXT   NOT NULL DEFAULT '[]', -- JSON: ids of SSO applications
	methods         BIGINT NOT NULL DEFAULT 0,    -- bits: the credentials that the user has
	created_at      BIGINT NOT NULL,
	modified_at     BIGINT NOT NULL,
	last_login_at   BIGINT NOT NULL DEFAULT 0,
	expires_at      BIGINT NOT NULL DEFAULT 0, -- of an invitation
	consent_until   BIGINT NOT NULL DEFAULT 0, -- to impersonation
	PRIMARY KEY (project, id)
);
CREATE INDEX users_email ON users (project, email);
CREATE INDEX users_phone ON users (project, phone);
CREATE INDEX users_created ON users (project, created_at);

CREATE TABLE login_ids (
	project  TEXT   NOT NULL,
	login_id TEXT   NOT NULL,
	user_id  TEXT   NOT NULL,
	position BIGINT NOT NULL,
	PRIMARY KEY (project, login_id),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX login_ids_user ON login_ids (project, user_id);

CREATE TABLE tenants (
	project     TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	id          TEXT   NOT NULL,
	name        TEXT   NOT NULL,
	parent      TEXT   NOT NULL DEFAULT '',
	disabled    BIGINT NOT NULL DEFAULT 0,
	custom      TEXT   NOT NULL DEFAULT '{}', -- JSON: custom attributes by name
	settings    TEXT   NOT NULL DEFAULT '{}', -- JSON: what only this tenant has otherwise
	created_at  BIGINT NOT NULL,
	modified_at BIGINT NOT NULL,
	PRIMARY KEY (project, id)
);

CREATE TABLE memberships (
	project TEXT NOT NULL,
	user_id TEXT NOT NULL,
	tenant  TEXT NOT NULL,
	PRIMARY KEY (project, user_id, tenant),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	FOREIGN KEY (project, tenant) REFERENCES tenants (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX memberships_tenant ON memberships (project, tenant);

CREATE TABLE user_roles (
	project TEXT NOT NULL,
	user_id TEXT NOT NULL,
	tenant  TEXT NOT NULL, -- empty: in the whole project
	role    TEXT NOT NULL, -- the id
	PRIMARY KEY (project, user_id, tenant, role),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX user_roles_role ON user_roles (project, role);

-- Sealed values that come with running, not with an import: seeds of authenticator
-- apps, signing keys. The newest value of a place replaces the one before.
CREATE TABLE kept_secrets (
	project    TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	kind       TEXT   NOT NULL,
	entity     TEXT   NOT NULL,
	field      TEXT   NOT NULL,
	user_id    TEXT,            -- whose it is, so that it goes with them; or nobody's
	version    TEXT   NOT NULL,
	data_key   BIGINT NOT NULL, -- data_keys.version
	sealed     BYTEA  NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (project, kind, entity, field),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX kept_secrets_user ON kept_secrets (project, user_id);
