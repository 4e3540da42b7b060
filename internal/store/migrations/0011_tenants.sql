-- What belongs to tenants, and the keys of machines. Times are Unix seconds; 0
-- means never.

-- +goose Up
CREATE UNIQUE INDEX tenants_name ON tenants (project, name);
CREATE INDEX tenants_parent ON tenants (project, parent);

CREATE TABLE tenant_domains (
	project  TEXT   NOT NULL,
	kind     TEXT   NOT NULL, -- sso, or signup: whose people join by themselves
	domain   TEXT   NOT NULL,
	tenant   TEXT   NOT NULL,
	position BIGINT NOT NULL,
	PRIMARY KEY (project, kind, domain, tenant),
	FOREIGN KEY (project, tenant) REFERENCES tenants (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX tenant_domains_tenant ON tenant_domains (project, tenant);

CREATE TABLE tenant_roles (
	project     TEXT   NOT NULL,
	id          TEXT   NOT NULL,
	tenant      TEXT   NOT NULL,
	name        TEXT   NOT NULL,
	description TEXT   NOT NULL DEFAULT '',
	permissions TEXT   NOT NULL DEFAULT '[]', -- JSON: ids; names of those that every project has
	is_default  BIGINT NOT NULL DEFAULT 0,
	private     BIGINT NOT NULL DEFAULT 0,
	created_at  BIGINT NOT NULL,
	PRIMARY KEY (project, id),
	UNIQUE (project, tenant, name),
	FOREIGN KEY (project, tenant) REFERENCES tenants (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE access_keys (
	project       TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	id            TEXT   NOT NULL,
	hash          BYTEA  NOT NULL, -- SHA-256 of the cleartext
	name          TEXT   NOT NULL,
	description   TEXT   NOT NULL DEFAULT '',
	status        TEXT   NOT NULL, -- active or inactive
	bound_user    TEXT,            -- whose it is, so that it goes with them; or nobody's
	custom_claims TEXT   NOT NULL DEFAULT '{}', -- JSON
	custom        TEXT   NOT NULL DEFAULT '{}', -- JSON: custom attributes by name
	permitted_ips TEXT   NOT NULL DEFAULT '[]', -- JSON: ranges; none for any
	created_by    TEXT   NOT NULL,
	created_at    BIGINT NOT NULL,
	expires_at    BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (project, id),
	UNIQUE (project, hash),
	FOREIGN KEY (project, bound_user) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX access_keys_user ON access_keys (project, bound_user);

CREATE TABLE access_key_tenants (
	project TEXT NOT NULL,
	key_id  TEXT NOT NULL,
	tenant  TEXT NOT NULL,
	PRIMARY KEY (project, key_id, tenant),
	FOREIGN KEY (project, key_id) REFERENCES access_keys (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	FOREIGN KEY (project, tenant) REFERENCES tenants (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX access_key_tenants_tenant ON access_key_tenants (project, tenant);

CREATE TABLE access_key_roles (
	project TEXT NOT NULL,
	key_id  TEXT NOT NULL,
	tenant  TEXT NOT NULL, -- empty: in the whole project
	role    TEXT NOT NULL, -- the id
	PRIMARY KEY (project, key_id, tenant, role),
	FOREIGN KEY (project, key_id) REFERENCES access_keys (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX access_key_roles_role ON access_key_roles (project, role);
