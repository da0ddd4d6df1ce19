package sfu

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// loggerFactory brings pion's log lines into ours, all at the debug level: they may name peers' addresses, and what an operator has to
// know this package logs itself.
type loggerFactory struct{ log *slog.Logger }

// NewLogger is part of logging.LoggerFactory.
func (f loggerFactory) NewLogger(scope string) logging.LeveledLogger {
	if !f.log.Enabled(context.Background(), slog.LevelDebug) {
		return discardLogger{}
	}
	return pionLogger{log: f.log.With("pion", scope)}
}

// silentFactory gives loggers that say nothing.
type silentFactory struct{}

// NewLogger is part of logging.LoggerFactory.
func (silentFactory) NewLogger(string) logging.LeveledLogger { return discardLogger{} }

// pionLogger logs everything but traces. Its methods are those of logging.LeveledLogger.
type pionLogger struct {
	discardLogger
	log *slog.Logger
}

func (l pionLogger) Debug(msg string)               { l.log.Debug(msg) }
func (l pionLogger) Debugf(format string, a ...any) { l.log.Debug(fmt.Sprintf(format, a...)) }
func (l pionLogger) Info(msg string)                { l.log.Debug(msg) }
func (l pionLogger) Infof(format string, a ...any)  { l.log.Debug(fmt.Sprintf(format, a...)) }
func (l pionLogger) Warn(msg string)                { l.log.Debug(msg) }
func (l pionLogger) Warnf(format string, a ...any)  { l.log.Debug(fmt.Sprintf(format, a...)) }
func (l pionLogger) Error(msg string)               { l.log.Debug(msg) }
func (l pionLogger) Errorf(format string, a ...any) { l.log.Debug(fmt.Sprintf(format, a...)) }

// discardLogger says nothing. Its methods are those of logging.LeveledLogger.
type discardLogger struct{}

func (discardLogger) Trace(string)          {}
func (discardLogger) Tracef(string, ...any) {}
func (discardLogger) Debug(string)          {}
func (discardLogger) Debugf(string, ...any) {}
func (discardLogger) Info(string)           {}
func (discardLogger) Infof(string, ...any)  {}
func (discardLogger) Warn(string)           {}
func (discardLogger) Warnf(string, ...any)  {}
func (discardLogger) Error(string)          {}
func (discardLogger) Errorf(string, ...any) {}
