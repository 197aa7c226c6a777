package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"user-sync-service/internal/domain"
)

// operation is one call of the port, the same for both providers, about the user called
// name. Users are named, not identified: ids differ.
type operation struct {
	name, text string
	run        func(ctx context.Context, s side) (answer any, err error) // what a read says, without order
}

// names are few, so that operations meet.
func names() []string {
	return []string{"anna", "bert", "clara", "dora", "emil", "fritz", "gerda", "hans"}
}

func randomOperation(random *rand.Rand) operation {
	name := names()[random.IntN(len(names()))]
	asked := name
	if random.IntN(3) == 0 {
		asked = strings.ToUpper(name)
	}
	switch random.IntN(16) {
	case 0, 1, 2:
		return randomCreate(random, name, asked)
	case 3:
		assignment := randomAssignment(random)
		return operation{name, fmt.Sprintf("rights of %+v", assignment), func(ctx context.Context, s side) (any, error) {
			rights, err := s.RightsOf(ctx, assignment)
			return [][]string{sortedText(rights.Roles), sortedText(rights.Administration), sortedText(rights.Unseen)}, err
		}}
	case 4, 5:
		return onUser(name, asked, randomRead(random))
	default:
		return onUser(name, asked, randomWrite(random))
	}
}

// userOperation is an operation on a user who exists.
type userOperation struct {
	text string
	run  func(ctx context.Context, s side, user domain.User) (answer any, err error)
}

// onUser looks the user up, as the use cases do.
func onUser(name, asked string, op userOperation) operation {
	return operation{name, op.text, func(ctx context.Context, s side) (any, error) {
		user, err := s.FindUser(ctx, mustUsername(asked))
		if err != nil {
			return nil, err
		}
		return op.run(ctx, s, user)
	}}
}

// randomRead returns a read of what is not compared after every operation anyway.
func randomRead(random *rand.Rand) userOperation {
	if random.IntN(2) == 0 {
		return userOperation{"groups", func(ctx context.Context, s side, user domain.User) (any, error) {
			groups, err := s.Groups(ctx, user.ID)
			return sortedText(groups), err
		}}
	}
	roles := randomRoles(random)
	return userOperation{fmt.Sprintf("privileges %q", roles), func(ctx context.Context, s side, user domain.User) (any, error) {
		privileges, err := s.Privileges(ctx, user.ID, roles)
		return sortedText(privileges.Roles), err
	}}
}

func randomWrite(random *rand.Rand) userOperation {
	// plain is a write that says nothing but whether it succeeded.
	plain := func(text string, write func(ctx context.Context, s side, user domain.User) error) userOperation {
		return userOperation{text, func(ctx context.Context, s side, user domain.User) (any, error) { return nil, write(ctx, s, user) }}
	}
	switch random.IntN(12) {
	case 0:
		enabled := random.IntN(2) == 0
		return plain(fmt.Sprintf("enabled=%t", enabled), func(ctx context.Context, s side, user domain.User) error {
			return s.SetEnabled(ctx, user.ID, enabled)
		})
	case 1:
		// The port leaves open what becomes of an action that the realm does not know.
		actions := slices.DeleteFunc(randomActions(random), func(action domain.RequiredAction) bool { return action == "no-such-action" })
		return plain("actions", func(ctx context.Context, s side, user domain.User) error {
			return s.SetRequiredActions(ctx, user.ID, actions)
		})
	case 2:
		return plain("end-sessions", func(ctx context.Context, s side, user domain.User) error { return s.EndSessions(ctx, user.ID) })
	case 3:
		actions := []domain.RequiredAction{domain.UpdatePassword}
		return plain("mail", func(ctx context.Context, s side, user domain.User) error {
			return s.SendActionsMail(ctx, user.ID, actions, time.Hour)
		})
	case 4:
		if random.IntN(3) > 0 {
			return randomWrite(random) // Otherwise most users would be gone most of the time.
		}
		return plain("delete", func(ctx context.Context, s side, user domain.User) error { return s.delete(ctx, user.ID) })
	case 5:
		return plain("lock", func(ctx context.Context, s side, user domain.User) error {
			if !user.Enabled {
				return nil // Keycloak does not count wrong passwords of disabled users.
			}
			return s.lock(ctx, user.Username)
		})
	case 6:
		assignment := randomAssignment(random)
		return userOperation{fmt.Sprintf("assign %+v", assignment), func(ctx context.Context, s side, user domain.User) (any, error) {
			missing, err := s.Assign(ctx, user.ID, assignment)
			return missing, err
		}}
	case 7:
		assignment := randomAssignment(random)
		return plain(fmt.Sprintf("unassign %+v", assignment), func(ctx context.Context, s side, user domain.User) error {
			return s.Unassign(ctx, user.ID, assignment)
		})
	default:
		change := randomChange(random)
		return userOperation{"update " + changeText(change), func(ctx context.Context, s side, user domain.User) (any, error) {
			unstored, err := s.UpdateUser(ctx, user.ID, change)
			return append([]domain.Attribute{}, unstored...), err
		}}
	}
}

// randomChange returns a change of some of the fields, at times to what is taken or
// refused.
func randomChange(random *rand.Rand) domain.UserChange {
	var change domain.UserChange
	name := func() *string { return new(pick(random, "", "Änne", "Anna Maria", " Anna ", "  ", "<b>")) }
	if random.IntN(2) == 0 {
		change.Email = new(mustEmail(pick(random, names()...) + pick(random, "@bank.example", "@BANK.example", "@home.example")))
		change.Unverified = random.IntN(2) == 0
	}
	if random.IntN(3) == 0 {
		change.FirstName = name()
	}
	if random.IntN(3) == 0 {
		change.LastName = name()
	}
	if random.IntN(2) == 0 {
		change.Attributes = randomAttributes(random)
	}
	return change
}

// changeText says what a change is, for whoever looks for a difference.
func changeText(change domain.UserChange) string {
	text := func(value *string) string {
		if value == nil {
			return "-"
		}
		return strconv.Quote(*value)
	}
	email := "-"
	if change.Email != nil {
		email = change.Email.String()
	}
	if change.Unverified {
		email += " unverified"
	}
	return fmt.Sprintf("%s %s %s %q", email, text(change.FirstName), text(change.LastName), change.Attributes)
}

// randomAttributes returns values of some attributes: good ones, none, and such as the
// realm refuses.
func randomAttributes(random *rand.Rand) domain.Attributes {
	attributes := domain.Attributes{}
	for _, name := range domain.AllAttributes() {
		if random.IntN(3) == 0 {
			attributes[name] = pick(random, "1", "42", "0049", "12345", "7", "", "", " ", "Süd & West", " 7 ")
		}
	}
	return attributes
}

func pick(random *rand.Rand, choices ...string) string { return choices[random.IntN(len(choices))] }

func randomCreate(random *rand.Rand, name, asked string) operation {
	user := domain.NewUser{
		Username:        mustNewUsername(pick(random, asked, asked, asked, asked, "ab", "o'neil")),
		Email:           mustEmail(pick(random, name, name, pick(random, names()...)) + pick(random, "@bank.example", "@BANK.example")),
		FirstName:       pick(random, "", "Anna", "  "),
		LastName:        pick(random, "", "Müller"),
		EmailVerified:   random.IntN(2) == 0,
		Assignment:      randomAssignment(random),
		Password:        domain.NewSecret(pick(random, "G00d-Passw0rd!", "G00d-Passw0rd!", "G00d-Passw0rd!", "short", "")),
		RequiredActions: randomActions(random),
	}
	if random.IntN(2) == 0 {
		user.Attributes = randomAttributes(random)
	}
	text := fmt.Sprintf("create %s %s %v %d %q", user.Username, user.Email, user.Assignment, len(user.Password.Reveal()), user.Attributes)
	return operation{name, text, func(ctx context.Context, s side) (any, error) {
		created, err := s.CreateUser(ctx, user)
		created.ID, created.RequiredActions = "", sorted(created.RequiredActions)
		created.Unstored = append([]domain.Attribute{}, created.Unstored...)
		return created, err
	}}
}

func randomAssignment(random *rand.Rand) domain.Assignment {
	roles := []domain.RealmRole{"teller", "teller", "staff", "chief", "historian", "auditor", "no-such-role"}
	groups := []domain.Group{"", "", "tellers", "head", "head/board", "no-such-group", "head/no-such-group"}
	return domain.Assignment{Role: roles[random.IntN(len(roles))], Group: groups[random.IntN(len(groups))]}
}

// randomRoles returns some roles to ask for, of which one does not exist.
func randomRoles(random *rand.Rand) []domain.RealmRole {
	roles := []domain.RealmRole{"teller", "staff", "chief", "auditor", "Auditor"}
	random.Shuffle(len(roles), func(i, j int) { roles[i], roles[j] = roles[j], roles[i] })
	return roles[:random.IntN(len(roles)+1)]
}

func randomActions(random *rand.Rand) []domain.RequiredAction {
	actions := []domain.RequiredAction{
		domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor, "CONFIGURE_TOTP", "UPDATE_PROFILE", "no-such-action",
	}
	random.Shuffle(len(actions), func(i, j int) { actions[i], actions[j] = actions[j], actions[i] })
	return actions[:random.IntN(len(actions)+1)]
}

func mustUsername(text string) domain.Username {
	username, err := domain.ParseUsername(text)
	if err != nil {
		panic(err)
	}
	return username
}

func mustNewUsername(text string) domain.NewUsername {
	username, err := domain.ParseNewUsername(text)
	if err != nil {
		panic(err)
	}
	return username
}

func mustEmail(text string) domain.Email {
	email, err := domain.ParseEmail(text)
	if err != nil {
		panic(err)
	}
	return email
}
