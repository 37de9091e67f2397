"""What a verbose fit prints: scikit-learn's lines."""


def say(estimator, stop: bool, slower: float | None) -> None:
    """Print how the last epoch went, and why training stops, or which learning rate it goes on with."""
    print(f"Iteration {estimator.n_iter_}, loss = {estimator.loss_:.8f}")
    if estimator.early_stopping:
        print(f"Validation score: {estimator.validation_scores_[-1]:f}")
    adaptive = estimator.solver == "sgd" and estimator.learning_rate == "adaptive"
    if stop:
        print(_waited(estimator), "Learning rate too small. Stopping." if adaptive else "Stopping.")
    elif adaptive and slower is not None:
        print(_waited(estimator), f"Setting learning rate to {slower:f}")


def _waited(estimator) -> str:
    what = "Validation score" if estimator.early_stopping else "Training loss"
    return f"{what} did not improve more than tol={estimator.tol:f} for {estimator.n_iter_no_change} consecutive epochs."
