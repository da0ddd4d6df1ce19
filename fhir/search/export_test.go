package search

// Compartments are the parameters that put resources in patients' compartments, by type.
func Compartments() map[string][]string {
	all := map[string][]string{}
	for _, typ := range Types() {
		if params, ok := compartmentOf(typ); ok {
			all[typ] = params
		}
	}
	return all
}
