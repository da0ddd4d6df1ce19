// Table: names and places of the synthetic population; this project's own choice of common ones.

package population

import (
	"fmt"
	"math/rand/v2"

	"khamxa/fhir"
)

var (
	families = []string{"Nguyễn", "Nguyễn", "Nguyễn", "Trần", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý"}
	women    = []string{"Hòa", "Hoa", "Lan", "Hương", "Thu", "Huệ", "Mai", "Đào", "Ngọc", "Yến", "Thủy", "Bích Liên", "Oanh"}
	men      = []string{"Hùng", "Dũng", "Đức", "Tuấn", "Minh", "Quân", "Thắng", "Đạt", "Khải", "Long", "Văn Trường", "Sơn"}
	communes = []string{"Xã Đông Hưng", "Xã Thái Thụy", "Xã Tiền Hải", "Xã Kiến Xương", "Xã Quỳnh Phụ", "Phường Trà Lý", "Xã Vũ Thư", "Xã Ân Thi", "Xã Khoái Châu", "Xã Văn Giang"}
	streets  = []string{"Thôn Đông", "Thôn Đoài", "Xóm Mới", "Đường Lê Lợi", "Đường Trần Hưng Đạo", "Phố Huế"}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func given(woman bool) []string {
	if woman {
		return women
	}
	return men
}

func nameOf(r *rand.Rand, woman bool, use string) *fhir.Builder {
	family, middle, last := pick(r, families), "Văn", pick(r, given(woman))
	if woman {
		middle = "Thị"
	}
	b := fhir.Build().String("use", use)
	if r.IntN(3) > 0 {
		b.String("text", family+" "+middle+" "+last)
	}
	return b.String("family", family).Strings("given", middle, last)
}

// phone begins with 0990, which to our knowledge no network uses.
func phone(r *rand.Rand) string { return fmt.Sprintf("0990%06d", r.IntN(1_000_000)) }
