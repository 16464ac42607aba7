// The single probes, by what they try; put together in probe.cc. Each returns 0 or -errno.
#pragma once

namespace godwit::probes {

// Memory (probe_memory.cc)
int PagemapScanWorks();    // Linux 6.7
int UserfaultfdWpAsync();  // Linux 6.7; a real round: register, protect, write, find exactly that page
int SoftDirty();           // ENODATA: the kernel takes the order and does nothing
int ProcmapQuery();        // Linux 6.11
int ProcessVm();           // process_vm_readv and process_vm_writev
int MapFiles();            // open(2) of /proc/PID/map_files
int PageFrames();          // EPERM: frame numbers read as 0
int GuardRegions();        // Linux 6.13: MADV_GUARD_INSTALL
int Mseal();               // Linux 6.10

// Processes (probe_process.cc)
int PidfdGetfd();
int Clone3SetTid();
int NewPidNamespace();
int NewUserNamespace();  // with a chosen PID and a /proc in it
int NewTimeNamespace();  // ENODATA: the clocks do not move
int NewUserCredentials();
int SetMmMap();
int Kcmp();
int TimerRestoreIds();  // Linux 6.16
int RaiseLimits();      // CAP_SYS_RESOURCE
int LowerOomScore();    // CAP_SYS_RESOURCE
int TcpPeekOff();       // Linux 6.9
int TcpRepair();

// What a tracer needs (probe_trace.cc)
int PtraceSeize();
int PtraceRseq();            // Linux 5.13
int PtraceSuspendSeccomp();  // CAP_SYS_ADMIN
int ProtectionKeys();        // ENODATA: PKRU cannot be set by ptrace (Linux 5.14 to 6.1)
int VdsoRemap();
int VdsoPatch();  // writes into the vdso's zero tail through /proc/PID/mem, as a live injection does

}  // namespace godwit::probes
