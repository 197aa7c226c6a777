package porttest

import (
	"sync"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// racers is the number of simultaneous calls in a race.
const racers = 20

func createRaceClauses() []Clause {
	return []Clause{
		{
			Name:  "CreateUser/GivesAUsernameToOneOfMany",
			Why:   "A form that is sent twice must not make two accounts, and the second answer must not be a failure.",
			Check: createUserGivesAUsernameToOneOfMany,
		},
		{
			Name:  "CreateUser/GivesAnEmailToOneOfMany",
			Why:   "Two accounts with one address receive each other's reset mails.",
			Check: createUserGivesAnEmailToOneOfMany,
		},
	}
}

func createUserGivesAUsernameToOneOfMany(t T, s Subject) {
	name := uniqueName()
	users := make([]domain.NewUser, racers)
	for i := range users {
		users[i] = s.newUser(t, uniqueName())
		users[i].Username = parseNewUsername(t, name)
	}
	winner := s.race(t, users, domain.UsernameConflict)

	got := s.find(t, name)
	assert.Equal(t, winner.created.ID, got.ID, "the user is the one that was made")
	assert.True(t, users[winner.index].Email.Matches(got.Email), "the user has the winner's address")

	// Had a loser left a user behind, that user would hold the loser's address.
	again := s.newUser(t, uniqueName())
	again.Email = users[(winner.index+1)%racers].Email
	_, err := s.Provider.CreateUser(t.Context(), again)
	assert.NoError(t, err, "the address of a loser is free")
}

func createUserGivesAnEmailToOneOfMany(t T, s Subject) {
	email := parseEmail(t, emailOf(uniqueName()))
	users := make([]domain.NewUser, racers)
	for i := range users {
		users[i] = s.newUser(t, uniqueName())
		users[i].Email = email
	}
	winner := s.race(t, users, domain.EmailConflict)

	for i, user := range users {
		if i == winner.index {
			assert.Equal(t, winner.created.ID, s.find(t, user.Username.String()).ID)
		} else {
			s.assertAbsent(t, user.Username.String())
		}
	}
}

type winner struct {
	index   int
	created domain.CreatedUser
}

// race creates all users at once and returns the only one who made it. Every other one
// must have met the conflict.
func (s Subject) race(t T, users []domain.NewUser, conflict domain.Kind) winner {
	t.Helper()
	created := make([]domain.CreatedUser, len(users))
	errs := make([]error, len(users))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, user := range users {
		wg.Go(func() {
			<-start
			created[i], errs[i] = s.Provider.CreateUser(t.Context(), user)
		})
	}
	close(start)
	wg.Wait()

	var winners []winner
	for i, err := range errs {
		if err == nil {
			winners = append(winners, winner{i, created[i]})
		} else {
			assertKind(t, conflict, err, "a loser of the race meets a conflict")
		}
	}
	require.Len(t, winners, 1, "exactly one of %d simultaneous calls succeeds", len(users))
	return winners[0]
}
