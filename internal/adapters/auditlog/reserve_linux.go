package auditlog

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// room is how many bytes are set aside at once, beyond what is needed. Half of that is for
// events of those who may be here: strangers do not get it.
const room = 1 << 20

// reserveRoom makes the file system set room aside for so many bytes behind the file's end,
// without changing its size: free space that was only looked at may be gone when the event
// is recorded. Reserved tells that it succeeded before.
func reserveRoom(file *os.File, bytes int64, reserved bool) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	// The file's blocks tell what is left of an earlier reservation, also after the file was
	// truncated. Without a reservation they prove nothing: XFS allots blocks in advance, and
	// takes them back when space runs out.
	if reserved && roomLeft(info) >= bytes {
		return nil
	}
	err = fallocate(file, info.Size(), bytes+room)
	if errors.Is(err, unix.ENOSPC) {
		err = fallocate(file, info.Size(), bytes)
	}
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		return checkFreeSpace(file, bytes) // Not every file system can set space aside.
	}
	return os.NewSyscallError("fallocate", err)
}

func fallocate(file *os.File, offset, bytes int64) error {
	return onDescriptor(file, func(fd int) error { return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, offset, bytes) })
}

// roomLeft returns how many bytes are allotted beyond the file's end.
func roomLeft(info os.FileInfo) int64 {
	return statOf(info).Blocks*512 - info.Size() // stat(2): in units of 512 bytes, whatever the block size
}

// statOf returns what Linux says of a file that was opened.
func statOf(info os.FileInfo) *syscall.Stat_t { return info.Sys().(*syscall.Stat_t) }

func ownerOf(info os.FileInfo) int { return int(statOf(info).Uid) }

func namesOf(info os.FileInfo) int { return int(statOf(info).Nlink) } //nolint:gosec // Few.

// checkFreeSpace checks that the file system has ample room at this moment.
func checkFreeSpace(file *os.File, bytes int64) error {
	var stat unix.Statfs_t
	if err := onDescriptor(file, func(fd int) error { return unix.Fstatfs(fd, &stat) }); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	if free := int64(stat.Bavail) * stat.Bsize; free < bytes+room { //nolint:gosec // No disk has so many.
		return fmt.Errorf("%d bytes are left in the file system: %w", free, unix.ENOSPC)
	}
	return nil
}

// awaitReader waits until the stream takes more. It fails when its patience ends first, or
// when the stream will never take more.
func awaitReader(file *os.File, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	return onDescriptor(file, func(fd int) error {
		state := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}} //nolint:gosec // Descriptors are small.
		ready, err := unix.Poll(state, int(max(0, time.Until(deadline)).Milliseconds()))
		switch {
		case err != nil:
			return err
		case ready == 0:
			return errors.New("its reader has stalled")
		case state[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0:
			return errors.New("its reader is gone")
		}
		return tryDevice(fd)
	})
}

// tryDevice makes an empty write to a character device, which tells what poll does not:
// /dev/full always claims to be ready. Other streams might take it for a message.
func tryDevice(fd int) error {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil || stat.Mode&unix.S_IFMT != unix.S_IFCHR {
		return err
	}
	_, err := unix.Write(fd, nil)
	return err
}

// onDescriptor makes a system call, and again while signals interrupt it: Go's runtime sends
// some of its own.
func onDescriptor(file *os.File, call func(fd int) error) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	err = conn.Control(func(fd uintptr) {
		for callErr = call(int(fd)); errors.Is(callErr, unix.EINTR); {
			callErr = call(int(fd))
		}
	})
	return cmp.Or(err, callErr)
}
