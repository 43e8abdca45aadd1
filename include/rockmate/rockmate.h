// Everything at once.
#pragma once

#include "rockmate/cost_model.h"
#include "rockmate/error.h"
#include "rockmate/executor.h"
#include "rockmate/graph.h"
#include "rockmate/graph_builder.h"
#include "rockmate/ids.h"
#include "rockmate/largest_batch.h"
#include "rockmate/milp.h"
#include "rockmate/onnx.h"
#include "rockmate/pipeline.h"
#include "rockmate/plan.h"
#include "rockmate/schedule.h"
#include "rockmate/training_graph.h"
#include "rockmate/training_model.h"
#include "rockmate/units.h"
