-- What users are found by beside their login ids: the values of their custom
-- attributes, one row a value, and whether they are test users.

-- +goose Up
CREATE TABLE user_attributes (
	project TEXT NOT NULL,
	name    TEXT NOT NULL,
	value   TEXT NOT NULL, -- JSON of one value; a digest of one that is long
	user_id TEXT NOT NULL,
	PRIMARY KEY (project, name, value, user_id),
	FOREIGN KEY (project, user_id) REFERENCES users (project, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX user_attributes_user ON user_attributes (project, user_id);

-- Most searches leave test users out and want the oldest users first.
CREATE INDEX users_listed ON users (project, test, created_at, id);
