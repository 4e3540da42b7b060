-- What people did beside signing in, and where they failed to: the part of the audit
-- that is in no chain, because thousands write it at once. Sign-ins are in logins.

-- +goose Up
CREATE TABLE acts (
	project  TEXT   NOT NULL REFERENCES projects (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	id       TEXT   NOT NULL,
	user_id  TEXT,            -- NULL for nobody who is known
	action   TEXT   NOT NULL,
	outcome  TEXT   NOT NULL, -- as in audit
	acted_at BIGINT NOT NULL, -- Unix milliseconds
	method   TEXT   NOT NULL, -- of authentication, as in logins; blank for none
	tenant   TEXT   NOT NULL, -- the current one; blank for none
	reason   TEXT   NOT NULL, -- the code of the error; blank for none
	remote   TEXT   NOT NULL,
	agent    TEXT   NOT NULL,
	request  TEXT   NOT NULL,
	PRIMARY KEY (project, id),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX acts_user ON acts (project, user_id);
CREATE INDEX acts_project ON acts (project, acted_at);
CREATE INDEX acts_at ON acts (acted_at);
