-- Of which type a session is, so that those of one type can be ended.

-- +goose Up
ALTER TABLE sessions ADD COLUMN kind TEXT NOT NULL DEFAULT ''; -- what its tokens say in the claim dtt; blank for nothing, and until the first refresh after this
