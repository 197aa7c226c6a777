package porttest_test

import (
	"context"
	"errors"
	"time"

	"user-sync-service/internal/domain"
)

type sendActionsMailFunc = func(context.Context, domain.UserID, []domain.RequiredAction, time.Duration) error

// mailing sends mails and counts errors of the kind as a success.
func mailing(f *faulty, ignored domain.Kind) sendActionsMailFunc {
	return func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
		return ignoring(ignored, func(ctx context.Context, id domain.UserID, lifespan time.Duration) error {
			return f.Provider.SendActionsMail(ctx, id, actions, lifespan)
		})(ctx, id, lifespan)
	}
}

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
				f.sendActionsMail = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
					if err := f.Provider.SendActionsMail(ctx, id, actions, lifespan); err != nil {
						return err
					}
					return f.Provider.SendActionsMail(ctx, id, actions, lifespan)
				}
			},
			breaks: []string{"SendActionsMail/SendsOneMailToTheUser", "EveryMethod/WorksForManyCallersAtOnce"},
		},
		{
			name: "sends the mail to everybody",
			fault: func(f *faulty) {
				f.sendActionsMail = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
					err := f.Provider.SendActionsMail(ctx, id, actions, lifespan)
					for _, user := range f.Users() {
						if err == nil && user.ID != id && user.Email != "" {
							err = f.Provider.SendActionsMail(ctx, user.ID, actions, lifespan)
						}
					}
					return err
				}
			},
			breaks: []string{"SendActionsMail/SendsOneMailToTheUser", "EveryMethod/WorksForManyCallersAtOnce"},
		},
		{
			name: "leads through the first action only",
			fault: func(f *faulty) {
				f.sendActionsMail = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
					return f.Provider.SendActionsMail(ctx, id, actions[:1], lifespan)
				}
			},
			breaks: []string{"SendActionsMail/LeadsThroughTheActions"},
		},
		{
			name: "leads through a new password whatever is asked for",
			fault: func(f *faulty) {
				f.sendActionsMail = func(ctx context.Context, id domain.UserID, _ []domain.RequiredAction, lifespan time.Duration) error {
					return f.Provider.SendActionsMail(ctx, id, []domain.RequiredAction{domain.UpdatePassword}, lifespan)
				}
			},
			breaks: []string{"SendActionsMail/LeadsThroughTheActions"},
		},
		{
			name: "requires a new password at once",
			fault: func(f *faulty) {
				f.sendActionsMail = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
					if err := f.Provider.SendActionsMail(ctx, id, actions, lifespan); err != nil {
						return err
					}
					return f.Provider.SetRequiredActions(ctx, id, []domain.RequiredAction{domain.UpdatePassword})
				}
			},
			breaks: []string{"SendActionsMail/LeavesTheUserAlone"},
		},
		{
			name:   "sends mails to nowhere",
			fault:  func(f *faulty) { f.sendActionsMail = mailing(f, domain.NoEmail) },
			breaks: []string{"SendActionsMail/ReturnsNoEmail"},
		},
		{
			name: "sends mails to disabled users",
			fault: func(f *faulty) {
				f.sendActionsMail = func(ctx context.Context, id domain.UserID, actions []domain.RequiredAction, lifespan time.Duration) error {
					err := f.Provider.SendActionsMail(ctx, id, actions, lifespan)
					if !errors.Is(err, domain.UserDisabled) {
						return err
					}
					return errors.Join(
						f.Provider.SetEnabled(ctx, id, true),
						f.Provider.SendActionsMail(ctx, id, actions, lifespan),
						f.Provider.SetEnabled(ctx, id, false),
					)
				}
			},
			breaks: []string{"SendActionsMail/ReturnsUserDisabled"},
		},
		{
			name: "does not notice that a mail cannot be sent",
			fault: func(f *faulty) {
				f.sendActionsMail = mailing(f, domain.EmailDeliveryFailed)
			},
			breaks: []string{"SendActionsMail/ReturnsEmailDeliveryFailed"},
		},
		{
			name:   "sends mails to users who do not exist",
			fault:  func(f *faulty) { f.sendActionsMail = mailing(f, domain.NotFound) },
			breaks: []string{"SendActionsMail/ReturnsNotFoundForAnUnknownUser"},
		},
	}
}
