package network

// Keys is how many keys a limiter remembers.
func Keys(l *Limiter) int { return len(l.keys) }
