-- The messages of projects that have no service of their own to send them, kept
-- for those who develop with such a project.

-- +goose Up
CREATE TABLE outbox (
	project    TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	id         TEXT   NOT NULL,
	kind       TEXT   NOT NULL, -- email, sms, voice or whatsapp
	recipient  TEXT   NOT NULL,
	subject    TEXT   NOT NULL DEFAULT '',
	body_text  TEXT   NOT NULL DEFAULT '',
	body_html  TEXT   NOT NULL DEFAULT '',
	created_at BIGINT NOT NULL, -- Unix microseconds
	PRIMARY KEY (project, id)
);
CREATE INDEX outbox_created ON outbox (project, created_at);
