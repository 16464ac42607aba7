// Numbers of linux/fanotify.h that both sides need (fanotify_init(2), fanotify_mark(2)).

export const group = {
  enableAudit: 0x40,
  /** FAN_CLASS_CONTENT, FAN_CLASS_PRE_CONTENT, FAN_UNLIMITED_QUEUE, FAN_UNLIMITED_MARKS, FAN_REPORT_PIDFD, FAN_REPORT_TID, FAN_REPORT_FD_ERROR. */
  forAdmins: 0x4 | 0x8 | 0x10 | 0x20 | 0x80 | 0x100 | 0x2000,
  /** FAN_REPORT_FID, FAN_REPORT_DIR_FID, FAN_REPORT_MNT: one of them in every group that was made without CAP_SYS_ADMIN. */
  forAnybody: 0x200 | 0x400 | 0x4000,
} as const;

export const mark = {
  add: 0x1,
  remove: 0x2,
  ignoredMask: 0x20,
  survivesModify: 0x40,
  evictable: 0x200,
  ignore: 0x400,
} as const;

/** FAN_MARK_INODE, FAN_MARK_MOUNT, FAN_MARK_FILESYSTEM, FAN_MARK_MNTNS. */
export const markTypes = { inode: 0, mount: 0x10, filesystem: 0x100, namespace: 0x110 } as const;

export const events = {
  modify: 0x2,
  /** FAN_OPEN_PERM, FAN_ACCESS_PERM, FAN_OPEN_EXEC_PERM, FAN_PRE_ACCESS (Linux 6.14). */
  permission: 0x1_0000 | 0x2_0000 | 0x4_0000 | 0x10_0000,
  mountAttach: 0x0100_0000,
  onChild: 0x0800_0000,
} as const;
