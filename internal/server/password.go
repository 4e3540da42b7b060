package server

import (
	"math"
	"runtime"
	"strings"

	"postern/internal/password"
	"postern/internal/safehttp"
)

// newPasswords builds the service of passwords, which calls out by outbound, to the
// list of stolen ones that the settings name.
func (s *Server) newPasswords(outbound *safehttp.Client) *password.Service {
	list := s.config.ProviderURL[password.BreachType]
	if list != "" {
		list = strings.TrimSuffix(list, "/") + "/range/"
	}
	return &password.Service{
		DB: s.db, Projects: s.Projects, Hasher: s.config.hasher(), Sessions: s.Sessions, Challenges: s.challenges, Limits: s.Attempts, HTTP: outbound, Log: s.log, BreachList: list,
	}
}

// hasher returns what hashes passwords at the costs of the settings, on all
// processors; nil where they are out of range.
func (c *Config) hasher() *password.Hasher {
	memory, passes, lanes := c.PasswordMemory>>10, c.PasswordPasses, c.PasswordLanes
	if memory < 0 || memory > math.MaxUint32 || passes < 0 || passes > math.MaxUint8 || lanes < 0 || lanes > math.MaxUint8 {
		return nil
	}
	params := password.Params{Memory: uint32(memory), Passes: uint32(passes), Lanes: uint8(lanes)}
	h, err := password.NewHasher(params, int64(c.HashingMemory), runtime.GOMAXPROCS(0), c.HashingQueue)
	if err != nil {
		return nil // Config.check says what the settings may be
	}
	return h
}
