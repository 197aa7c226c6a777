package main

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// reason keeps envconfig's wrapping of strconv errors, which quotes the value, out of
// messages.
func reason(err error) error {
	unreadable, ok := errors.AsType[*strconv.NumError](err)
	switch {
	case !ok:
		return err
	case unreadable.Func == "ParseBool":
		return errors.New("must be true or false")
	default:
		return errors.New("must be a number in range")
	}
}

// duration is a time span, written as "10s" or, as in Gunicorn's variables, as a whole
// number of seconds.
type duration time.Duration

// Decode implements envconfig.Decoder.
func (d *duration) Decode(text string) error {
	seconds, err := strconv.Atoi(text)
	if err == nil {
		*d = duration(time.Duration(seconds) * time.Second)
		return nil
	}
	span, err := time.ParseDuration(text)
	if err != nil {
		return errors.New("must be a time span such as 10s")
	}
	*d = duration(span)
	return nil
}

// list is texts separated by commas. Blanks around them and empty ones do not count.
type list[T ~string] []T

// Decode implements envconfig.Decoder.
func (l *list[T]) Decode(text string) error {
	*l = nil
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			*l = append(*l, T(item))
		}
	}
	return nil
}

// logLevel is a level of slog. It also takes Python's words for levels.
type logLevel slog.Level

// Decode implements envconfig.Decoder.
func (l *logLevel) Decode(text string) error {
	switch strings.ToLower(text) {
	case "debug":
		*l = logLevel(slog.LevelDebug)
	case "info":
		*l = logLevel(slog.LevelInfo)
	case "warn", "warning":
		*l = logLevel(slog.LevelWarn)
	case "error", "critical":
		*l = logLevel(slog.LevelError)
	default:
		return errors.New("must be debug, info, warn or error")
	}
	return nil
}
