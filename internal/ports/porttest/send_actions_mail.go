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

func sendActionsMailClauses() []Clause {
	return []Clause{
		{
			Name:  "SendActionsMail/SendsOneMailToTheUser",
			Why:   "A second mail makes the link of the first one look like a fraud.",
			Check: sendActionsMailSendsOneMail,
		},
		{
			Name:  "SendActionsMail/LeadsThroughTheActions",
			Why:   "A link that leaves out the password leads a new employee to no account that works.",
			Check: sendActionsMailLeadsThroughTheActions,
		},
		{
			Name:  "SendActionsMail/LeavesTheUserAlone",
			Why:   "A user who did not ask for the mail can ignore it.",
			Check: sendActionsMailLeavesTheUserAlone,
		},
		{
			Name:  "SendActionsMail/ReturnsNoEmail",
			Why:   "The administrator must learn that there is no address, not that something failed.",
			Check: sendActionsMailReturnsNoEmail,
		},
		{
			Name:  "SendActionsMail/ReturnsUserDisabled",
			Why:   "The administrator must learn that the user has to be enabled first.",
			Check: sendActionsMailReturnsUserDisabled,
		},
		{
			Name:  "SendActionsMail/ReturnsEmailDeliveryFailed",
			Why:   "A mail that did not go out must not be reported as sent, and the cause is not in this program.",
			Check: sendActionsMailReturnsEmailDeliveryFailed,
		},
		{
			Name:  "SendActionsMail/ReturnsNotFoundForAnUnknownUser",
			Why:   "A mail that nobody got must not be reported as sent.",
			Check: sendActionsMailReturnsNotFound,
		},
	}
}

func (s Subject) sendActionsMail(t T, id domain.UserID) error {
	return s.Provider.SendActionsMail(t.Context(), id, []domain.RequiredAction{domain.UpdatePassword}, linkLifespan)
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

func sendActionsMailSendsOneMail(t T, s Subject) {
	name, bystander := uniqueName(), uniqueName()
	s.add(t, plainUser(bystander))
	id := s.add(t, plainUser(name))
	require.NoError(t, s.sendActionsMail(t, id))
	assert.Equal(t, 1, s.mailsTo(name), "one mail goes to the user")
	assert.Zero(t, s.mailsTo(bystander), "no mail goes to anybody else")
}

func sendActionsMailLeadsThroughTheActions(t T, s Subject) {
	if s.MailedActions == nil {
		t.Skipf("the subject has no hook MailedActions")
	}
	for _, actions := range [][]domain.RequiredAction{
		{domain.UpdatePassword},
		{domain.VerifyEmail},
		{domain.UpdatePassword, domain.VerifyEmail, domain.RegisterSecondFactor},
	} {
		user := plainUser(uniqueName())
		id := s.add(t, user)
		require.NoError(t, s.Provider.SendActionsMail(t.Context(), id, actions, linkLifespan))
		assert.ElementsMatch(t, actions, s.MailedActions(user.Email))
	}
}

func sendActionsMailLeavesTheUserAlone(t T, s Subject) {
	user := s.busyUser(uniqueName())
	id := s.add(t, user)
	before := s.state(t, user.Username)
	require.NoError(t, s.sendActionsMail(t, id))
	assert.Equal(t, before, s.state(t, user.Username))
}

func sendActionsMailReturnsNoEmail(t T, s Subject) {
	assertKind(t, domain.NoEmail, s.sendActionsMail(t, s.add(t, userWithoutEmail())), "the user has no e-mail address")
}

func userWithoutEmail() domain.User {
	user := plainUser(uniqueName())
	user.Email, user.EmailVerified = "", false
	return user
}

func sendActionsMailReturnsUserDisabled(t T, s Subject) {
	user := plainUser(uniqueName())
	user.Enabled = false
	id := s.add(t, user)
	assertKind(t, domain.UserDisabled, s.sendActionsMail(t, id), "the user is disabled")
	assert.Zero(t, s.mailsTo(user.Username), "no mail goes out")
}

func sendActionsMailReturnsEmailDeliveryFailed(t T, s Subject) {
	id := s.add(t, plainUser(uniqueName()))
	require.NoError(t, s.FailMails(), "the hook FailMails failed")
	assertKind(t, domain.EmailDeliveryFailed, s.sendActionsMail(t, id), "the mail cannot be sent")
}

func sendActionsMailReturnsNotFound(t T, s Subject) {
	assertNotFound(t, s.sendActionsMail(t, s.deletedUser(t)))
}
