-- What imports may not do to a project, set by its admins and by no import.

-- +goose Up
CREATE TABLE policies (
	project TEXT NOT NULL PRIMARY KEY,
	policy  TEXT NOT NULL -- JSON
);
