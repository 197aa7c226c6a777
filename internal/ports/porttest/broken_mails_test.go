package porttest_test

import (
	"context"
	"errors"
	"time"

	"user-sync-service/internal/domain"
)

// ignoring makes a method count errors of the kind as a success.
func ignoring[A any](kind domain.Kind, method func(context.Context, domain.UserID, A) error) func(context.Context, domain.UserID, A) error {
	return func(ctx context.Context, id domain.UserID, argument A) error {
		if err := method(ctx, id, argument); !errors.Is(err, kind) {
			return err
		}
		return nil
	}
}

func brokenMails() []brokenProvider {
	return []brokenProvider{
		{
			name: "sends mails twice",
			fault: func(f *faulty) {
				f.sendPasswordReset = func(ctx context.Context, id domain.UserID, lifespan time.Duration) error {
					if err := f.Provider.SendPasswordReset(ctx, id, lifespan); err != nil {
						return err
					}
					return f.Provider.SendPasswordReset(ctx, id, lifespan)
				}
			},
			breaks: []string{"SendPasswordReset/SendsOneMailToTheUser", "EveryMethod/WorksForManyCallersAtOnce"},
		},
		{
			name: "sends the mail to everybody",
			fault: func(f *faulty) {
				f.sendPasswordReset = func(ctx context.Context, id domain.UserID, lifespan time.Duration) error {
					err := f.Provider.SendPasswordReset(ctx, id, lifespan)
					for _, user := range f.Users() {
						if err == nil && user.ID != id && user.Email != "" {
							err = f.Provider.SendPasswordReset(ctx, user.ID, lifespan)
						}
					}
					return err
				}
			},
			breaks: []string{"SendPasswordReset/SendsOneMailToTheUser", "EveryMethod/WorksForManyCallersAtOnce"},
		},
		{
			name: "requires a new password at once",
			fault: func(f *faulty) {
				f.sendPasswordReset = func(ctx context.Context, id domain.UserID, lifespan time.Duration) error {
					if err := f.Provider.SendPasswordReset(ctx, id, lifespan); err != nil {
						return err
					}
					return f.Provider.SetRequiredActions(ctx, id, []domain.RequiredAction{domain.UpdatePassword})
				}
			},
			breaks: []string{"SendPasswordReset/LeavesTheUserAlone"},
		},
		{
			name:   "sends mails to nowhere",
			fault:  func(f *faulty) { f.sendPasswordReset = ignoring(domain.NoEmail, f.Provider.SendPasswordReset) },
			breaks: []string{"SendPasswordReset/ReturnsNoEmail"},
		},
		{
			name: "sends mails to disabled users",
			fault: func(f *faulty) {
				f.sendPasswordReset = func(ctx context.Context, id domain.UserID, lifespan time.Duration) error {
					err := f.Provider.SendPasswordReset(ctx, id, lifespan)
					if !errors.Is(err, domain.UserDisabled) {
						return err
					}
					return errors.Join(
						f.Provider.SetEnabled(ctx, id, true),
						f.Provider.SendPasswordReset(ctx, id, lifespan),
						f.Provider.SetEnabled(ctx, id, false),
					)
				}
			},
			breaks: []string{"SendPasswordReset/ReturnsUserDisabled"},
		},
		{
			name: "does not notice that a mail cannot be sent",
			fault: func(f *faulty) {
				f.sendPasswordReset = ignoring(domain.EmailDeliveryFailed, f.Provider.SendPasswordReset)
			},
			breaks: []string{"SendPasswordReset/ReturnsEmailDeliveryFailed"},
		},
		{
			name:   "sends mails to users who do not exist",
			fault:  func(f *faulty) { f.sendPasswordReset = ignoring(domain.NotFound, f.Provider.SendPasswordReset) },
			breaks: []string{"SendPasswordReset/ReturnsNotFoundForAnUnknownUser"},
		},
	}
}
