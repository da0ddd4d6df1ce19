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

// HomeUnits are the codes of the home units by base unit.
func HomeUnits() map[string]string {
	homes := map[string]string{}
	for unit, c := range homeUnits {
		if _, usual := usualUnits[c.code]; usual {
			homes[unit] = c.code
		}
	}
	return homes
}
