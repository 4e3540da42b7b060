package session

import "slices"

// addFactor records a method of authentication that proves what none before it did, and
// with the second one that they are several. Clients take two entries for several
// factors, so another way to the same proof is no entry.
func (s *Session) addFactor(method string) {
	if method == "" || slices.ContainsFunc(s.AMR, func(had string) bool { return proves(had) == proves(method) }) {
		return
	}
	further := len(s.AMR) > 0
	s.AMR = append(s.AMR, method)
	if further && !slices.Contains(s.AMR, AMRMFA) {
		s.AMR = append(s.AMR, AMRMFA)
	}
}

// proves returns what a method shows that somebody has or knows.
func proves(method string) string {
	switch method {
	case AMRSMS, AMRVoice, AMRWhatsApp:
		return "the telephone"
	case AMRPassword, AMRQuestions:
		return "what they know"
	}
	return method
}
