package porttest

import (
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"user-sync-service/internal/domain"
)

// linkLifespan is how long the links of the suite's reset mails shall work.
const linkLifespan = time.Hour

func sendPasswordResetClauses() []Clause {
	return []Clause{
		{
			Name:  "SendPasswordReset/SendsOneMailToTheUser",
			Why:   "A second mail makes the link of the first one look like a fraud.",
			Check: sendPasswordResetSendsOneMail,
		},
		{
			Name:  "SendPasswordReset/LeavesTheUserAlone",
			Why:   "A user who did not ask for the mail can ignore it.",
			Check: sendPasswordResetLeavesTheUserAlone,
		},
		{
			Name:  "SendPasswordReset/ReturnsNoEmail",
			Why:   "The administrator must learn that there is no address, not that something failed.",
			Check: sendPasswordResetReturnsNoEmail,
		},
		{
			Name:  "SendPasswordReset/ReturnsUserDisabled",
			Why:   "The administrator must learn that the user has to be enabled first.",
			Check: sendPasswordResetReturnsUserDisabled,
		},
		{
			Name:  "SendPasswordReset/ReturnsEmailDeliveryFailed",
			Why:   "A mail that did not go out must not be reported as sent, and the cause is not in this program.",
			Check: sendPasswordResetReturnsEmailDeliveryFailed,
		},
		{
			Name:  "SendPasswordReset/ReturnsNotFoundForAnUnknownUser",
			Why:   "A mail that nobody got must not be reported as sent.",
			Check: sendPasswordResetReturnsNotFound,
		},
	}
}

func (s Subject) sendPasswordReset(t T, id domain.UserID) error {
	return s.Provider.SendPasswordReset(t.Context(), id, linkLifespan)
}

// mailsTo counts the mails to the address that belongs to name.
func (s Subject) mailsTo(name string) int {
	count := 0
	for _, address := range s.Mails() {
		if strings.EqualFold(address, emailOf(name)) {
			count++
		}
	}
	return count
}

func sendPasswordResetSendsOneMail(t T, s Subject) {
	name, bystander := uniqueName(), uniqueName()
	s.add(t, plainUser(bystander))
	id := s.add(t, plainUser(name))
	require.NoError(t, s.sendPasswordReset(t, id))
	assert.Equal(t, 1, s.mailsTo(name), "one mail goes to the user")
	assert.Zero(t, s.mailsTo(bystander), "no mail goes to anybody else")
}

func sendPasswordResetLeavesTheUserAlone(t T, s Subject) {
	user := busyUser(uniqueName())
	id := s.add(t, user)
	before := s.state(t, user.Username)
	require.NoError(t, s.sendPasswordReset(t, id))
	assert.Equal(t, before, s.state(t, user.Username))
}

func sendPasswordResetReturnsNoEmail(t T, s Subject) {
	assertKind(t, domain.NoEmail, s.sendPasswordReset(t, s.add(t, userWithoutEmail())), "the user has no e-mail address")
}

func userWithoutEmail() domain.User {
	user := plainUser(uniqueName())
	user.Email, user.EmailVerified = "", false
	return user
}

func sendPasswordResetReturnsUserDisabled(t T, s Subject) {
	user := plainUser(uniqueName())
	user.Enabled = false
	id := s.add(t, user)
	assertKind(t, domain.UserDisabled, s.sendPasswordReset(t, id), "the user is disabled")
	assert.Zero(t, s.mailsTo(user.Username), "no mail goes out")
}

func sendPasswordResetReturnsEmailDeliveryFailed(t T, s Subject) {
	id := s.add(t, plainUser(uniqueName()))
	require.NoError(t, s.FailMails(), "the hook FailMails failed")
	assertKind(t, domain.EmailDeliveryFailed, s.sendPasswordReset(t, id), "the mail cannot be sent")
}

func sendPasswordResetReturnsNotFound(t T, s Subject) {
	assertNotFound(t, s.sendPasswordReset(t, s.deletedUser(t)))
}
