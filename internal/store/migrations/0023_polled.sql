-- The index by what somebody waits with is of those alone who wait. PostgreSQL took it
-- in place of the primary key where it knew no better, and read all that waits for an
-- answer to find one.

-- +goose Up
DROP INDEX challenges_poll;
CREATE UNIQUE INDEX challenges_poll ON challenges (project, method, poll) WHERE poll IS NOT NULL;
