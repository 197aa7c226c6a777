package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"user-sync-service/internal/domain"
)

// SyncUserInput is the employee to sync. FirstName and LastName may be empty.
type SyncUserInput struct {
	Username     domain.NewUsername
	Email        domain.Email
	FineractRole string
	FirstName    string
	LastName     string
	// Attributes are those of a new user, without the Fineract role.
	Attributes domain.Attributes
}

// SyncUserResult says what SyncUser found or made.
type SyncUserResult struct {
	ID domain.UserID
	// Created is false when the user existed before. Only a created user has the Password,
	// the RequiredActions and EmailSentTo, only one that existed Drift and Repaired.
	Created         bool
	Password        domain.Secret // empty: the user has none, a mail leads to one
	RequiredActions []domain.RequiredAction
	EmailSentTo     string   // empty: no mail was sent
	MailProblem     string   // what became of the mail instead, such as "could not be sent"; empty: nothing
	Warnings        []string // sentences for the administrator
	// Drift is what the user still lacks of the assignment, Repaired what it was given now.
	Drift, Repaired domain.Assignment
}

// SyncUser makes sure that the employee has an account: it reports the one that exists,
// or creates one with the mapped role and group and a way to a password. An existing user
// with this username counts as the employee's only when that is proved, see isEmployees.
// What such a user lacks of the role and the group is told, and given where Repair says
// so. A created user stays also when its mail could not be sent.
//
// It returns InvalidField for a username or an address that could be taken for another
// one, UnknownRole for a Fineract role that the role map refuses, ProtectedUser for a
// protected username, UsernameConflict for an account that is not
// proved to be the employee's, EmailConflict when the address belongs to another user, and
// of a creation Forbidden when the assignment is not the actor's to give, PrivilegeEscalation
// when the realm would grant more than the role map says, UnknownRole when the realm lacks
// the mapped role, RateLimited when the new user could get no mail for the limits, and what
// CreateUser of the identity provider returns.
func (s *Service) SyncUser(ctx context.Context, attempt *Attempt, in SyncUserInput) (SyncUserResult, error) {
	result, err := s.syncUser(ctx, attempt, in)
	outcome := "exists"
	switch {
	case err != nil:
		outcome = string(outcomeOf(domain.AsError(err).Kind))
	case result.Created:
		outcome = "created"
	case !result.Repaired.IsEmpty():
		outcome = "repaired"
	}
	s.Observer.Synced(outcome)
	if result.Created || !result.Repaired.IsEmpty() {
		s.tellPrivileges(outcome, attempt.event.Assignment)
	}
	return result, err
}

func (s *Service) syncUser(ctx context.Context, attempt *Attempt, in SyncUserInput) (SyncUserResult, error) {
	assignment, refused := s.Roles.Assign(in.FineractRole)
	user := s.newUser(in, assignment)
	attempt.event.TargetUsername = in.Username.String()
	attempt.event.FineractRole, attempt.event.Assignment = in.FineractRole, user.Assignment
	err := cmp.Or(s.Guard.CheckName(in.Username.String()), checkUsername(in.Username), checkEmail(in.Email), refused)
	if err != nil {
		return SyncUserResult{}, err
	}
	if err := s.goIn(ctx, attempt, writes, usualWeight); err != nil {
		return SyncUserResult{}, err
	}
	found, err := s.Provider.FindUser(ctx, in.Username.Username)
	if err == nil {
		return s.existing(ctx, attempt, in, found, user.Assignment)
	}
	if errors.Is(err, domain.NotFound) {
		err = s.checkCreation(ctx, user.Assignment)
	}
	if err == nil {
		err = s.unlessReporting(ctx, attempt, s.mayGive(attempt, user.Assignment))
	}
	if err != nil {
		return SyncUserResult{}, err
	}
	giveBackMail, err := s.mayMailNewUser(attempt, user.Email)
	if err != nil {
		return SyncUserResult{}, err
	}
	mailed := false
	defer func() {
		if !mailed {
			giveBackMail()
		}
	}()
	var created domain.CreatedUser
	err = s.write(ctx, attempt, nil, createdFields(user), func() (err error) {
		created, err = s.create(ctx, &user)
		return err
	})
	switch {
	case errors.Is(err, domain.UsernameConflict), errors.Is(err, domain.EmailConflict):
		return s.afterConflict(ctx, attempt, in, user.Assignment, err)
	case err != nil:
		return SyncUserResult{}, namingRole(err, user.Assignment.Role)
	}
	attempt.event.TargetID = created.ID
	result := SyncUserResult{ID: created.ID, Created: true, Password: user.Password, RequiredActions: created.RequiredActions}
	result.Warnings = s.leftOut(ctx, attempt, user, created)
	if s.Delivery.sendsMail() {
		attempt.goOut() // Mails have places of their own.
		mailed = s.mailNewUser(ctx, attempt, user.Email, &result)
	}
	return result, nil
}

// newUser returns the user to create, without a password.
func (s *Service) newUser(in SyncUserInput, assignment domain.Assignment) domain.NewUser {
	user := domain.NewUser{
		Username:        in.Username,
		Email:           in.Email,
		FirstName:       in.FirstName,
		LastName:        in.LastName,
		EmailVerified:   s.EmailVerified,
		Assignment:      assignment,
		Attributes:      withRole(in.Attributes, in.FineractRole),
		RequiredActions: slices.Clone(s.RequiredActions),
	}
	if s.Delivery.showsPassword() {
		user.RequiredActions = withUpdatePassword(user.RequiredActions)
	}
	return user
}

// checkGrant makes sure that the assignment grants nothing that the role map does not
// name.
func (s *Service) checkGrant(ctx context.Context, assignment domain.Assignment) error {
	rights, err := s.Provider.RightsOf(ctx, assignment)
	if err != nil {
		return namingRole(err, assignment.Role)
	}
	return s.Guard.CheckGrant(assignment, rights)
}

// checkCreation is checkGrant for a new user, who also gets what the realm gives to
// everybody.
func (s *Service) checkCreation(ctx context.Context, assignment domain.Assignment) error {
	err, defaultsErr := sideBySide(func() error { return s.checkGrant(ctx, assignment) }, func() error {
		defaults, err := s.Provider.DefaultRights(ctx)
		if err != nil {
			return err
		}
		return s.Guard.CheckDefaults(assignment, defaults)
	})
	return cmp.Or(err, defaultsErr)
}

// namingRole gives an UnknownRole the sentence that names the role.
func namingRole(err error, role domain.RealmRole) error {
	if !errors.Is(err, domain.UnknownRole) {
		return err
	}
	return &domain.Error{Kind: domain.UnknownRole, Message: fmt.Sprintf("The role '%s' does not exist in the system.", role), Err: err}
}

// create gives the user a temporary password, where one is wanted, and creates it. A
// refused password is followed by others, because the policy it was made for may have
// been an old one, or may have rules that only the provider can judge by.
func (s *Service) create(ctx context.Context, user *domain.NewUser) (domain.CreatedUser, error) {
	if !s.Delivery.showsPassword() {
		return s.Provider.CreateUser(ctx, *user)
	}
	const tries = 3
	for try := 1; ; try++ {
		policy, err := s.Provider.PasswordPolicy(ctx)
		if err != nil {
			return domain.CreatedUser{}, err
		}
		user.Password, err = domain.GeneratePassword(s.Random, policy, user.Username.Username, user.Email)
		if err != nil {
			return domain.CreatedUser{}, err
		}
		created, err := s.Provider.CreateUser(ctx, *user)
		if try == tries || !errors.Is(err, domain.PasswordRefused) {
			return created, err
		}
	}
}

// afterConflict decides whose account stood in the way of a creation: of two at the same
// moment, one meets it. When the username and the address are both taken, a provider may
// name either, so the username is looked up; when no user has it, the conflict stays as
// the provider said it.
func (s *Service) afterConflict(ctx context.Context, attempt *Attempt, in SyncUserInput, assignment domain.Assignment, conflict error) (SyncUserResult, error) {
	attempt.note(nil, nil) // No user was created.
	found, err := s.Provider.FindUser(ctx, in.Username.Username)
	switch {
	case errors.Is(err, domain.NotFound):
		return SyncUserResult{}, conflict
	case err != nil:
		return SyncUserResult{}, err
	}
	return s.existing(ctx, attempt, in, found, assignment)
}

// existing says what becomes of the account that has the username.
func (s *Service) existing(ctx context.Context, attempt *Attempt, in SyncUserInput, found domain.User, assignment domain.Assignment) (SyncUserResult, error) {
	attempt.event.TargetID = found.ID
	if err := isEmployees(found, in); err != nil {
		return SyncUserResult{}, err
	}
	result, err := s.complete(ctx, attempt, found, assignment)
	if err == nil && !found.Enabled {
		result.Warnings = append([]string{"The account is switched off."}, result.Warnings...)
	}
	if errors.Is(err, domain.NotFound) {
		// "Not found" would mean nothing to a caller who wants the user to exist.
		return SyncUserResult{}, &domain.Error{
			Kind:    domain.BadAnswer,
			Message: "The user was deleted a moment ago. Please sync the user again.",
			Err:     errors.New("the user that was found has gone"),
		}
	}
	return result, err
}

// isEmployees returns UsernameConflict unless it is proved that the account is the
// employee's. In many realms anybody can register under any name and any address: only an
// address that is verified is a proof, or that this program made the account, as long as
// the account has not become another person's since.
func isEmployees(found domain.User, in SyncUserInput) error {
	hasAddress := in.Email.Matches(found.Email)
	if hasAddress && found.EmailVerified {
		return nil
	}
	if found.ManagedErr != nil {
		return found.ManagedErr
	}
	id := in.Attributes[domain.FineractUserID]
	hasID := found.TrustedID && id != "" && id == found.Attributes[domain.FineractUserID]
	if found.Managed && (hasAddress || found.Email == "" || hasID) {
		return nil
	}
	problem := "This username is another person's."
	switch {
	case hasAddress:
		problem = "The account's e-mail address is not verified."
	case found.Email == "":
		problem = "The account has no e-mail address."
	}
	return &domain.Error{
		Kind:    domain.UsernameConflict,
		Message: problem + " Please tell your system administrator.",
		Err:     errors.New("nothing proves that the account is the employee's"),
	}
}
