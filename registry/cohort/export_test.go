package cohort

// Resource is a current resource, for VerifyResources.
type Resource struct {
	Type, ID string
	Body     []byte
}

// VerifyResources is Verify on resources that a test holds.
func VerifyResources(b *Book, current []Resource) ([]Difference, error) {
	n := newNaive()
	for _, r := range current {
		if err := n.take(r.Type, r.ID, r.Body); err != nil {
			return nil, err
		}
	}
	return b.compare(n.count()), nil
}

// Distort adds to one counter, for the proof that Verify notices.
func (b *Book) Distort(c Cell, m Month) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counters.Add(c, m, m+1, 1)
}
