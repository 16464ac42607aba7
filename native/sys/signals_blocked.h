// Signals are the main thread's business: a thread that is started while they are blocked never gets one.
#pragma once

#include <pthread.h>
#include <signal.h>

namespace godwit {

/// Blocks all signals of this thread until it goes out of scope.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace godwit
