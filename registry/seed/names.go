// Table: Vietnamese names for the synthetic population. Family names with their share in per mille: as quoted from Lê Trung Hoa,
// "Họ và tên người Việt Nam" (2005), in secondary texts; the shares of those after Lý are set here to fill the rest. Middle and given
// names by sex and time of birth are this project's own choice of common ones; no published frequencies were found.

package seed

type share struct {
	name     string
	perMille int
}

var familyNames = []share{
	{"Nguyễn", 384},
	{"Trần", 121},
	{"Lê", 95},
	{"Phạm", 71},
	{"Hoàng", 51},
	{"Phan", 45},
	{"Vũ", 39},
	{"Đặng", 21},
	{"Bùi", 20},
	{"Đỗ", 14},
	{"Hồ", 13},
	{"Ngô", 13},
	{"Dương", 10},
	{"Lý", 5},
	{"Đinh", 14},
	{"Đoàn", 12},
	{"Mai", 10},
	{"Lương", 9},
	{"Đào", 9},
	{"Trịnh", 8},
	{"Cao", 7},
	{"Lưu", 6},
	{"Tạ", 5},
	{"Lại", 5},
	{"Phùng", 4},
	{"Khương", 3},
	{"Tống", 3},
	{"Chu", 3},
}

// period is the middle and given names of people born before a year.
type period struct {
	before int
	middle []share
	given  []string
}

var femaleNames = []period{
	{1950, []share{{"Thị", 1000}}, []string{
		"Tý", "Mùi", "Hợi", "Tuất", "Dần", "Sửu", "Nhài", "Mận", "Đào", "Sen", "Nụ", "Gái", "Thơm", "Thảo", "Chắt", "Vân", "Lụa", "Là",
		"Hến", "Cúc", "Nhung", "Bưởi", "Hoa", "Lan", "Huệ", "Ngát", "Xuyến", "Tám", "Sáu", "Rĩnh",
	}},
	{1970, []share{{"Thị", 900}, {"Hồng", 30}, {"Kim", 40}, {"Thanh", 30}}, []string{
		"Hoa", "Lan", "Hòa", "Hồng", "Liên", "Loan", "Nga", "Oanh", "Yến", "Thủy", "Bích", "Hạnh", "Hương", "Mai", "Xuân", "Hà", "Tuyết",
		"Nhàn", "Lý", "Thoa", "Thơm", "Chín", "Hiền", "Nhung", "Vân", "Tươi", "Thanh", "Ngoan", "Luyến", "Dịu",
	}},
	{2030, []share{{"Thị", 720}, {"Thu", 70}, {"Thanh", 70}, {"Ngọc", 60}, {"Minh", 40}, {"Hồng", 40}}, []string{
		"Hương", "Huyền", "Trang", "Hiền", "Thu", "Phương", "Hằng", "Dung", "Tâm", "Huệ", "Thúy", "Hà", "Linh", "Nga", "Lan", "Hạnh",
		"Ngân", "Quỳnh", "Thảo", "Nhung", "Vân", "Mến", "Duyên", "Hoài", "Anh",
	}},
}

var maleNames = []period{
	{1950, []share{{"Văn", 720}, {"Đình", 70}, {"Xuân", 70}, {"Ngọc", 50}, {"Công", 40}, {"Đức", 50}}, []string{
		"Tính", "Hợi", "Tuất", "Ngọ", "Thìn", "Dần", "Khoát", "Chắt", "Đạt", "Cường", "Bình", "Bảng", "Cẩn", "Chấn", "Huynh", "Lợi", "Phúc",
		"Thọ", "Tấn", "Vinh", "Khanh", "Ngân", "Quyến", "Rĩnh", "Thiêm", "Toản", "Uyển", "Viết", "Mão", "Điệp",
	}},
	{1970, []share{{"Văn", 640}, {"Đình", 60}, {"Xuân", 70}, {"Ngọc", 60}, {"Đức", 70}, {"Quang", 50}, {"Hữu", 50}}, []string{
		"Hùng", "Dũng", "Sơn", "Hải", "Bình", "Minh", "Thắng", "Chiến", "Thành", "Tuấn", "Hưng", "Lâm", "Thanh", "Hòa", "Quân", "Vinh",
		"Long", "Tiến", "Toàn", "Khoa", "Đông", "Nam", "Thái", "Trường", "Hiển", "Phong", "Kiên", "Định", "Lực", "Thịnh",
	}},
	{2030, []share{{"Văn", 520}, {"Đức", 110}, {"Minh", 80}, {"Quang", 80}, {"Anh", 50}, {"Mạnh", 80}, {"Ngọc", 80}}, []string{
		"Tuấn", "Hùng", "Dũng", "Cường", "Hiếu", "Trung", "Nam", "Long", "Huy", "Thắng", "Hoàng", "Việt", "Linh", "Duy", "Sơn", "Quyết",
		"Tùng", "Thành", "Đạt", "Khánh", "Kiên", "Phương", "Tú", "Vượng", "Bắc",
	}},
}
