-- Who approved a plan, for another key to import it. Kept for as long as it
-- counts.

-- +goose Up
CREATE TABLE approvals (
	project    TEXT   NOT NULL,
	plan       TEXT   NOT NULL, -- digest of the plan, in hex
	approver   TEXT   NOT NULL, -- id of a management key
	created_at BIGINT NOT NULL, -- Unix seconds
	PRIMARY KEY (project, plan, approver)
);
