"""Loss, outcomes and items of each kind of model; with datasets and collectors the only place that knows an image."""
