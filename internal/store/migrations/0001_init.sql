-- One text for SQLite and PostgreSQL. BYTEA is a free type name to SQLite, which
-- keeps bytes as bytes in it. Times are Unix seconds unless said otherwise;
-- 0 means never.

-- +goose Up
CREATE TABLE projects (
	id          TEXT   NOT NULL PRIMARY KEY,
	name        TEXT   NOT NULL,
	environment TEXT   NOT NULL DEFAULT '',
	tags        TEXT   NOT NULL DEFAULT '[]', -- JSON array of text
	head        BIGINT NOT NULL DEFAULT 0,    -- revisions.number; 0 before the first
	created_at  BIGINT NOT NULL,
	deleted_at  BIGINT NOT NULL DEFAULT 0
);

-- The keys that seal secrets, each wrapped by the master key.
CREATE TABLE data_keys (
	project    TEXT   NOT NULL,
	version    BIGINT NOT NULL,
	wrapped    BYTEA  NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (project, version)
);

-- Contents of files, of trees and of secret lists, by the SHA-256 of the body
-- before it was encoded.
CREATE TABLE blobs (
	digest   BYTEA  NOT NULL PRIMARY KEY,
	size     BIGINT NOT NULL, -- of the body before it was encoded
	encoding BIGINT NOT NULL,
	body     BYTEA  NOT NULL
);

CREATE TABLE revisions (
	project    TEXT   NOT NULL,
	number     BIGINT NOT NULL,
	digest     BYTEA  NOT NULL, -- the blob with the tree
	secrets    BYTEA  NOT NULL, -- the blob with the list of secrets
	parent     BIGINT NOT NULL DEFAULT 0,
	created_at BIGINT NOT NULL,
	author     TEXT   NOT NULL DEFAULT '',
	message    TEXT   NOT NULL DEFAULT '',
	summary    TEXT   NOT NULL DEFAULT '',
	PRIMARY KEY (project, number)
);

-- Sealed values, never changed: a new value is a new row.
CREATE TABLE secrets (
	id         TEXT   NOT NULL PRIMARY KEY,
	project    TEXT   NOT NULL,
	kind       TEXT   NOT NULL,
	entity     TEXT   NOT NULL,
	field      TEXT   NOT NULL,
	data_key   BIGINT NOT NULL, -- data_keys.version
	sealed     BYTEA  NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE INDEX secrets_project ON secrets (project);

CREATE TABLE management_keys (
	id            TEXT   NOT NULL PRIMARY KEY,
	name          TEXT   NOT NULL,
	description   TEXT   NOT NULL DEFAULT '',
	hash          BYTEA  NOT NULL UNIQUE,       -- SHA-256 of the cleartext
	status        TEXT   NOT NULL,
	access        TEXT   NOT NULL,              -- JSON: roles and projects
	permitted_ips TEXT   NOT NULL DEFAULT '[]', -- JSON array of prefixes
	created_at    BIGINT NOT NULL,
	expires_at    BIGINT NOT NULL DEFAULT 0,
	last_used_at  BIGINT NOT NULL DEFAULT 0,
	version       BIGINT NOT NULL DEFAULT 1
);

-- Who did what. Rows are added, never changed.
CREATE TABLE audit (
	id          TEXT   NOT NULL PRIMARY KEY,
	project     TEXT   NOT NULL, -- empty for what concerns the whole server
	actor       TEXT   NOT NULL,
	action      TEXT   NOT NULL,
	outcome     TEXT   NOT NULL,
	occurred_at BIGINT NOT NULL, -- Unix milliseconds
	remote      TEXT   NOT NULL DEFAULT '',
	request     TEXT   NOT NULL DEFAULT '',
	details     TEXT   NOT NULL DEFAULT '{}' -- JSON object
);
CREATE INDEX audit_project ON audit (project, occurred_at);
