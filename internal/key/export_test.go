package key

// MostKnown bounds what is remembered.
const MostKnown = 2 * mostKnown

// Remember keeps a token as if it were verified.
func (s *Service) Remember(project, token string) {
	s.known.add(fingerprint(project, token), "")
}

// Remembered returns how many tokens are remembered.
func (s *Service) Remembered() int { return len(s.known.young) + len(s.known.old) }

// Forget makes the next call read the keys again, as after a while.
func (s *Service) Forget() { s.rings.Clear() }
