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

// Compiled are the numbers of paths and of parts that the parameter was compiled into.
func (p *Param) Compiled() (paths, parts int) { return len(p.paths), len(p.parts) }
