package consult

import "khamxa/internal/fault"

// Role is in what capacity somebody gives a command.
type Role string

// The roles. Patient is whoever holds the bound device of a consult; System is Khamxa itself. The others are staff and may
// look at nothing here and command nothing.
const (
	Doctor     Role = "doctor"
	Specialist Role = "specialist"
	Manager    Role = "manager"
	Admin      Role = "admin"
	Patient    Role = "patient"
	System     Role = "system"
)

// Roles lists every role.
func Roles() []Role { return []Role{Doctor, Specialist, Manager, Admin, Patient, System} }

// Command is what can be done to a consult.
type Command string

// The commands, one for each method of Service that changes a consult.
const (
	Invite         Command = "invite"
	Redeem         Command = "redeem"
	Admit          Command = "admit"
	SaveDraft      Command = "save-draft"
	SaveVitals     Command = "save-vitals"
	ConvertToPhone Command = "convert-to-phone"
	End            Command = "end"
	Sign           Command = "sign"
	Cancel         Command = "cancel"
	MarkNoShow     Command = "no-show"
	Observe        Command = "observe" // presence, told by the room
)

// Commands lists every command.
func Commands() []Command {
	return []Command{Invite, Redeem, Admit, SaveDraft, SaveVitals, ConvertToPhone, End, Sign, Cancel, MarkNoShow, Observe}
}

// rule is one row of the table: who may, and where it leads from each phase in which it is allowed.
type rule struct {
	by []Role
	to map[Phase]Phase
}

// same is a command that changes no phase.
func same(in ...Phase) map[Phase]Phase {
	m := make(map[Phase]Phase, len(in))
	for _, p := range in {
		m[p] = p
	}
	return m
}

// lead is a command that leads to one phase. Being there already is allowed: the command was given twice.
func lead(to Phase, from ...Phase) map[Phase]Phase {
	m := map[Phase]Phase{to: to}
	for _, p := range from {
		m[p] = to
	}
	return m
}

// ruleOf is the whole table of a consult's life.
//
// A new link (Invite) leads back to Invited from everywhere before the end, so that whoever opens it waits and is looked at
// again by the doctor; the place in the line stays (Consult.Arrived). A no-show who calls after all is invited again. What depends on
// more than the phase is in Consult.next: once the conversation has begun a consult is ended, not cancelled or called a no-show, whatever
// link was made since; before, there is nothing to end.
func ruleOf(c Command) (rule, bool) {
	switch c {
	case Invite:
		return rule{[]Role{Doctor}, lead(Invited, Booked, Arrived, Admitted, Phone, NoShow)}, true
	case Redeem:
		return rule{[]Role{Patient}, map[Phase]Phase{Invited: Arrived, Arrived: Arrived, Admitted: Admitted}}, true
	case Admit:
		return rule{[]Role{Doctor}, lead(Admitted, Arrived)}, true
	case SaveDraft:
		return rule{[]Role{Doctor}, same(Booked, Invited, Arrived, Admitted, Phone, Ended)}, true
	case SaveVitals:
		return rule{[]Role{Doctor}, same(Admitted, Phone, Ended)}, true
	case ConvertToPhone:
		return rule{[]Role{Doctor}, lead(Phone, Booked, Invited, Arrived, Admitted, NoShow)}, true
	case End:
		return rule{[]Role{Doctor}, lead(Ended, Invited, Arrived, Admitted, Phone)}, true
	case Sign:
		return rule{[]Role{Doctor}, lead(Signed, Ended)}, true
	case Cancel:
		return rule{[]Role{Doctor}, lead(Cancelled, Booked, Invited, Arrived, NoShow)}, true
	case MarkNoShow:
		return rule{[]Role{Doctor}, lead(NoShow, Booked, Invited)}, true
	case Observe:
		return rule{[]Role{System}, same(Invited, Arrived, Admitted)}, true
	}
	return rule{}, false
}

// Next is the phase that a command leads to. Forbidden if the role may never give it, State if it is not allowed in this phase.
func Next(p Phase, c Command, r Role) (Phase, error) {
	row, ok := ruleOf(c)
	if !ok {
		return p, fault.New(fault.Unsupported, "consult.Next", "There is no such command.")
	}
	if !row.allows(r) {
		return p, fault.New(fault.Forbidden, "consult.Next", "Your role may not do this in a consult.")
	}
	to, ok := row.to[p]
	if !ok {
		return p, fault.New(fault.State, "consult.Next", "This cannot be done at this stage of the consult.")
	}
	return to, nil
}

func (row rule) allows(r Role) bool {
	for _, by := range row.by {
		if by == r {
			return true
		}
	}
	return false
}

// Actor is a member of staff who gives a command. Stations are the organisations whose patients they see
// ("Organization/tyt-14221"); nil is no confinement.
type Actor struct {
	Person
	Roles    []Role
	Stations []string
}

// Sees reports whether the actor may know of a patient of this station. A patient whom no station holds ("") is seen by actors
// without confinement only, as in the FHIR log (store.Visible).
func (a Actor) Sees(station string) bool {
	if a.Stations == nil {
		return true
	}
	if station == "" {
		return false
	}
	for _, s := range a.Stations {
		if s == station {
			return true
		}
	}
	return false
}

// Is reports whether the actor has the role.
func (a Actor) Is(r Role) bool {
	for _, have := range a.Roles {
		if have == r {
			return true
		}
	}
	return false
}

// may checks a command against the actor's roles: the first role that is allowed it decides the phase; without one, the
// refusal of the table is returned.
func (a Actor) may(p Phase, c Command) (Phase, error) {
	refusal := error(fault.New(fault.Forbidden, "consult.may", "Your role may not do this in a consult."))
	for _, r := range a.Roles {
		to, err := Next(p, c, r)
		if err == nil {
			return to, nil
		}
		if fault.Is(err, fault.State) {
			refusal = err
		}
	}
	return p, refusal
}
