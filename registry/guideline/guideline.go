// Package guideline holds the clinical rules of the registry as tables: thresholds, bands and limits, each row with the document,
// section and version it comes from, the period in which it applies, and whether the number was read in the document itself.
//
// A rule is looked up, never written into code elsewhere: the figures, the capture form and the chart all ask here, so a threshold has
// one home and its boundary one meaning (140 is not controlled, everywhere). It classifies single measurements; it does not diagnose,
// count or store, and knows no FHIR, no patient and no clock. Any package of the registry and the consult may call it.
//
// This slice has hypertension only.
package guideline

// Source says where a rule comes from and how far the number can be trusted.
type Source struct {
	Document string // name or number of the document
	Section  string // where in it
	Version  string // edition or date of issue
	From, To string // first and last day on which it applies, "YYYY-MM-DD"; "" is open
	// Confirmed is true when the rule was read in the document, or in a full copy of the passage. False: the document exists, the
	// number comes from a secondary text, and must be compared with the document before anyone relies on it.
	Confirmed bool
	Note      string
}

// Rule is one row: a stable id, which is printed beside every figure and classification made with it, and its source.
type Rule struct {
	ID     string
	Text   string // message key of the rule in words
	Source Source
}

// Ids of the rules. They are kept in published figures and never reused.
const (
	RuleControlHEARTS360 = "bp-control-hearts360"
	RuleControlWHO       = "bp-control-who-c4"
	RuleControlWHORisk   = "bp-control-who-c4-high-risk"
	RuleGradeVN          = "bp-grade-vn-3192"
	RuleStartAtOnce      = "bp-start-at-once-who-2021"
	RuleEmergency        = "bp-emergency-vsh-2018"
	RuleCommune          = "bp-commune-5904"
	RulePlausible        = "bp-plausible-1"
	RuleSession          = "bp-session-who-steps"
)

var rules = [...]Rule{
	{RuleControlHEARTS360, "guideline.rule.control-hearts360", Source{
		Document: "HEARTS360 indicator definitions (Resolve to Save Lives, Simple)", Section: "BP controlled", Version: "2026-04",
		From: "2022-04-01", Confirmed: true,
		Note: "SBP < 140 and DBP < 90 at the last measurement in three calendar months. The published sample SQL tests > 140; the text, followed here, says >= 140/90 is not controlled.",
	}},
	{RuleControlWHO, "guideline.rule.control-who", Source{
		Document: "WHO NCD facility-based monitoring guidance (ISBN 978-92-4-005706-7)", Section: "HTN/CVD-C4", Version: "2022",
		From: "2022-01-01", Confirmed: true, Note: "SBP < 140 and DBP < 90 for people without cardiovascular disease or high risk.",
	}},
	{RuleControlWHORisk, "guideline.rule.control-who-risk", Source{
		Document: "WHO NCD facility-based monitoring guidance (ISBN 978-92-4-005706-7)", Section: "HTN/CVD-C4", Version: "2022",
		From: "2022-01-01", Confirmed: true, Note: "SBP < 130 for people with cardiovascular disease, high cardiovascular risk, diabetes or chronic kidney disease.",
	}},
	{RuleGradeVN, "guideline.rule.grade-vn", Source{
		Document: "Quyết định 3192/QĐ-BYT", Section: "Phân độ huyết áp", Version: "2010", From: "2010-08-31",
		Note: "The decision exists; its table was read in secondary texts only (three grades, higher of the two values decides). The 2022 VSH/VNHA recommendation may use two grades: confirm.",
	}},
	{RuleStartAtOnce, "guideline.rule.start-at-once", Source{
		Document: "WHO guideline for the pharmacological treatment of hypertension in adults", Section: "chapter 3, recommendation 1", Version: "2021",
		From: "2021-08-25", Confirmed: true, Note: "Treatment without delay at SBP >= 160 or DBP >= 100; otherwise within four weeks of the diagnosis.",
	}},
	{RuleEmergency, "guideline.rule.emergency", Source{
		Document: "Khuyến cáo VSH/VNHA về chẩn đoán và điều trị tăng huyết áp", Section: "Sơ đồ chẩn đoán, lần khám 1", Version: "2018",
		From: "2018-01-01", Confirmed: true, Note: "SBP >= 180 or DBP >= 120 at a first visit: look for an emergency.",
	}},
	{RuleCommune, "guideline.rule.commune", Source{
		Document: "Quyết định 5904/QĐ-BYT", Section: "Phần 1: tăng huyết áp tại trạm y tế xã", Version: "2019-12-20", From: "2019-12-20",
		Note: "What a commune station is bound by: adults from 18 years with BP >= 140/90. Only this scope was read; drug steps, referral and review intervals were not.",
	}},
	{RulePlausible, "guideline.rule.plausible", Source{
		Document: "Khamxa", Section: "limits of what a form accepts", Version: "1", From: "2026-01-01", Confirmed: true,
		Note: "Not a clinical rule: it catches slips of the keyboard. What a cuff can show is kept, however alarming.",
	}},
	{RuleSession, "guideline.rule.session", Source{
		Document: "WHO STEPS Surveillance Manual", Section: "part 3, blood pressure", Version: "2017", From: "2017-01-01",
		Note: "Mean of the last two of three readings; taken from secondary texts. That two readings count with their mean and one with itself is this project's reading of it.",
	}},
}

// Rules are all rules in the order of the table.
func Rules() []Rule { return append([]Rule(nil), rules[:]...) }

// ByID is the rule with that id, false if there is none.
func ByID(id string) (Rule, bool) {
	for _, r := range rules {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}
