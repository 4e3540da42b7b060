-- Where a user is at home: the tenant in which alone their login ids count, or none for
-- the whole project. One login id may then be that of several users.

-- +goose Up
ALTER TABLE users ADD COLUMN home TEXT NOT NULL DEFAULT '';
CREATE INDEX users_home ON users (project, home) WHERE home <> '';

DROP INDEX login_ids_user;
ALTER TABLE login_ids RENAME TO login_ids_before;
CREATE TABLE login_ids (
	project  TEXT   NOT NULL,
	login_id TEXT   NOT NULL,
	home     TEXT   NOT NULL DEFAULT '', -- that of the user
	user_id  TEXT   NOT NULL,
	position BIGINT NOT NULL,
	PRIMARY KEY (project, login_id, home),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX login_ids_user ON login_ids (project, user_id);
INSERT INTO login_ids (project, login_id, user_id, position) SELECT project, login_id, user_id, position FROM login_ids_before;
DROP TABLE login_ids_before;
