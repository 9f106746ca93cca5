/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef HOST_SURVEY_PRIVATE_H
#define HOST_SURVEY_PRIVATE_H

#include "host/survey.h"

/* For sh(1); its answer is for survey_parse(). */
extern const char survey_script[];

#endif
