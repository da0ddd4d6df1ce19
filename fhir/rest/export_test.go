package rest

// RouteCodes gives the tests each row of the table, as code, method and pattern.
func RouteCodes() (rows [][3]string) {
	for _, rt := range routes() {
		rows = append(rows, [3]string{rt.code, rt.method, rt.pattern})
	}
	return rows
}
