-- How often somebody tried something lately, for all servers together. A row
-- means nothing after its time, and is deleted by and by.

-- +goose Up
CREATE TABLE limits (
	project    TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	scope      TEXT   NOT NULL, -- what was tried
	subject    BYTEA  NOT NULL, -- SHA-256 over project, scope and who tried, or on whom
	since      BIGINT NOT NULL, -- Unix milliseconds; when the first of these tries was
	tries      BIGINT NOT NULL,
	expires_at BIGINT NOT NULL, -- Unix milliseconds
	PRIMARY KEY (project, scope, subject)
);
CREATE INDEX limits_expires ON limits (expires_at);
