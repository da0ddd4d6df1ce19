// Table: the 22 communes of the three coastal districts of former Nam Định, with the units each was merged from.
// Facts: Resolution 1674/NQ-UBTVQH15 (what merged into what, in force 1 July 2025) and Decision 19/2025/QĐ-TTg (codes).
// Columns: code, name as the statistics office writes it, other spellings, old district, touches the sea, centroid, merged units.

package place

type row struct {
	code, name string
	spellings  []string
	district   string
	sea        bool
	lat, lon   float64
	merged     []old
}

type old struct {
	code      string
	kind      Kind
	name      string
	spellings []string
}

var rows = [...]row{
	{"13891", "Nghĩa Hưng", nil, "Nghĩa Hưng", false, 20.2305, 106.163, []old{
		{"13891", ThiTran, "Liễu Đề", nil},
		{"13906", Xa, "Nghĩa Thái", nil},
		{"13912", Xa, "Nghĩa Châu", nil},
		{"13915", Xa, "Nghĩa Trung", nil},
	}},
	{"13894", "Rạng Đông", nil, "Nghĩa Hưng", true, 19.9647, 106.14, []old{
		{"13894", ThiTran, "Rạng Đông", nil},
		{"13951", Xa, "Phúc Thắng", nil},
		{"13963", Xa, "Nam Điền", nil},
	}},
	{"13900", "Đồng Thịnh", nil, "Nghĩa Hưng", false, 20.2428, 106.116, []old{
		{"13900", Xa, "Đồng Thịnh", nil},
		{"13909", Xa, "Hoàng Nam", nil},
	}},
	{"13918", "Nghĩa Sơn", nil, "Nghĩa Hưng", false, 20.1247, 106.178, []old{
		{"13918", Xa, "Nghĩa Sơn", nil},
		{"13921", Xa, "Nghĩa Lạc", nil},
	}},
	{"13927", "Hồng Phong", nil, "Nghĩa Hưng", false, 20.0832, 106.174, []old{
		{"13924", Xa, "Nghĩa Hồng", nil},
		{"13927", Xa, "Nghĩa Phong", nil},
		{"13930", Xa, "Nghĩa Phú", nil},
	}},
	{"13939", "Quỹ Nhất", []string{"Quĩ Nhất"}, "Nghĩa Hưng", false, 20.039, 106.172, []old{
		{"13939", ThiTran, "Quỹ Nhất", []string{"Quĩ Nhất"}},
		{"13948", Xa, "Nghĩa Thành", nil},
		{"13954", Xa, "Nghĩa Lợi", nil},
	}},
	{"13957", "Nghĩa Lâm", nil, "Nghĩa Hưng", false, 20.0194, 106.128, []old{
		{"13942", Xa, "Nghĩa Hùng", nil},
		{"13945", Xa, "Nghĩa Lâm", nil},
		{"13957", Xa, "Nghĩa Hải", nil},
	}},
	{"14161", "Giao Minh", nil, "Giao Thủy", true, 20.2034, 106.518, []old{
		{"14155", Xa, "Giao Hương", nil},
		{"14161", Xa, "Giao Thiện", nil},
		{"14164", Xa, "Giao Thanh", nil},
	}},
	{"14167", "Giao Thuỷ", []string{"Giao Thủy"}, "Giao Thủy", false, 20.2726, 106.398, []old{
		{"14167", ThiTran, "Giao Thủy", []string{"Giao Thuỷ"}},
		{"14170", Xa, "Bình Hòa", []string{"Bình Hoà"}},
	}},
	{"14179", "Giao Hưng", nil, "Giao Thủy", false, 20.2492, 106.431, []old{
		{"14179", Xa, "Giao Nhân", nil},
		{"14188", Xa, "Giao Châu", nil},
		{"14209", Xa, "Giao Long", nil},
	}},
	{"14182", "Giao Hoà", []string{"Giao Hòa"}, "Giao Thủy", false, 20.2445, 106.524, []old{
		{"14158", Xa, "Hồng Thuận", nil},
		{"14182", Xa, "Giao An", nil},
		{"14185", Xa, "Giao Lạc", nil},
	}},
	{"14194", "Giao Bình", nil, "Giao Thủy", true, 20.2336, 106.404, []old{
		{"14191", Xa, "Giao Tân", nil},
		{"14194", Xa, "Giao Yến", nil},
		{"14206", Xa, "Bạch Long", nil},
	}},
	{"14203", "Giao Phúc", nil, "Giao Thủy", true, 20.2304, 106.474, []old{
		{"14176", Xa, "Giao Hà", nil},
		{"14197", Xa, "Giao Xuân", nil},
		{"14203", Xa, "Giao Hải", nil},
	}},
	{"14212", "Giao Ninh", nil, "Giao Thủy", true, 20.2122, 106.374, []old{
		{"14152", ThiTran, "Quất Lâm", nil},
		{"14200", Xa, "Giao Thịnh", nil},
		{"14212", Xa, "Giao Phong", nil},
	}},
	{"14215", "Hải Hậu", nil, "Hải Hậu", false, 20.2015, 106.283, []old{
		{"14215", ThiTran, "Yên Định", nil},
		{"14227", Xa, "Hải Trung", nil},
		{"14254", Xa, "Hải Long", nil},
	}},
	{"14218", "Hải Tiến", nil, "Hải Hậu", true, 20.1424, 106.267, []old{
		{"14218", ThiTran, "Cồn", nil},
		{"14272", Xa, "Hải Sơn", nil},
		{"14275", Xa, "Hải Tân", nil},
	}},
	{"14221", "Hải Thịnh", nil, "Hải Hậu", true, 20.0681, 106.219, []old{
		{"14221", ThiTran, "Thịnh Long", nil},
		{"14302", Xa, "Hải Ninh", nil},
		{"14311", Xa, "Hải Châu", nil},
	}},
	{"14236", "Hải Anh", nil, "Hải Hậu", false, 20.2285, 106.27, []old{
		{"14233", Xa, "Hải Minh", nil},
		{"14236", Xa, "Hải Anh", nil},
		{"14260", Xa, "Hải Đường", nil},
	}},
	{"14248", "Hải Hưng", nil, "Hải Hậu", false, 20.2029, 106.329, []old{
		{"14224", Xa, "Hải Nam", nil},
		{"14248", Xa, "Hải Hưng", nil},
		{"14263", Xa, "Hải Lộc", nil},
	}},
	{"14281", "Hải An", nil, "Hải Hậu", false, 20.1392, 106.209, []old{
		{"14281", Xa, "Hải Phong", nil},
		{"14284", Xa, "Hải An", nil},
		{"14296", Xa, "Hải Giang", nil},
	}},
	{"14287", "Hải Quang", nil, "Hải Hậu", true, 20.1563, 106.308, []old{
		{"14266", Xa, "Hải Quang", nil},
		{"14269", Xa, "Hải Đông", nil},
		{"14287", Xa, "Hải Tây", nil},
	}},
	{"14308", "Hải Xuân", nil, "Hải Hậu", true, 20.0976, 106.252, []old{
		{"14293", Xa, "Hải Phú", nil},
		{"14308", Xa, "Hải Xuân", nil},
		{"14317", Xa, "Hải Hòa", []string{"Hải Hoà"}},
	}},
}
