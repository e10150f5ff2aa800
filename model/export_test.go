package model

// Reserved returns the tokens for whose keys and values a session has memory.
func Reserved(s *Session) int { return s.reserved }
